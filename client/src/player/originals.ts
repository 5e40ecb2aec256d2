import type { Picture } from './picture.js';

/** Pictures kept for the translations that are on their way: a decoder lends only so many at a time. */
const kept = 8;

/** The last pictures of the original, by source timestamp, until their translation is there. */
export class Originals {
  #pictures: Picture[] = [];

  add(picture: Picture): void {
    this.#pictures.push(picture);
    for (const old of this.#pictures.splice(0, Math.max(0, this.#pictures.length - kept))) {
      old.image.close();
    }
  }

  /**
   * The picture whose timestamp is nearest; those before it are let go, since time doesn't run backwards. Undefined when
   * there is none.
   */
  matching(timestampMicroseconds: number): Picture | undefined {
    const distance = ({ timestampMicroseconds: own }: Picture) => Math.abs(own - timestampMicroseconds);
    let best = 0;
    for (const [index, picture] of this.#pictures.entries()) {
      const current = this.#pictures[best];
      if (current !== undefined && distance(picture) < distance(current)) {
        best = index;
      }
    }
    for (const old of this.#pictures.splice(0, best)) {
      old.image.close();
    }
    return this.#pictures[0];
  }

  clear(): void {
    for (const picture of this.#pictures.splice(0)) {
      picture.image.close();
    }
  }
}

import type { View } from './messages.js';
import { Originals } from './originals.js';
import { sizeOf, type Picture } from './picture.js';

/** What is drawn on: a canvas of the page, or one that was handed to a worker. */
export type Surface = HTMLCanvasElement | OffscreenCanvas;

/** Draws the newest translation and, left of the divider, the original it was made from. */
export class Compositor {
  readonly #surface: Surface;
  readonly #context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;
  readonly #onSize: (width: number, height: number) => void;
  readonly #originals = new Originals();
  #translated: Picture | undefined;
  #view: View = { divider: undefined, mirrored: false };

  constructor(surface: Surface, onSize: (width: number, height: number) => void) {
    const context = surface.getContext('2d', { alpha: false });
    if (context === null) {
      throw new Error('This browser gives no canvas to draw on.');
    }
    this.#surface = surface;
    this.#context = context;
    this.#onSize = onSize;
  }

  set view(view: View) {
    this.#view = view;
    if (view.divider === undefined) {
      this.#originals.clear();
    }
    this.#draw();
  }

  showTranslated(picture: Picture): void {
    this.#translated?.image.close();
    this.#translated = picture;
    this.#fit(picture);
    this.#draw();
  }

  /** Keeps an original for its translation, or closes it when nobody wants to see it. */
  addOriginal(picture: Picture): void {
    if (this.#view.divider === undefined) {
      picture.image.close();
      return;
    }
    this.#originals.add(picture);
    // The translation may have been quicker than its original.
    if (picture.timestampMicroseconds === this.#translated?.timestampMicroseconds) {
      this.#draw();
    }
  }

  /** The canvas as it is seen, as a PNG; undefined before the first picture. */
  async snapshot(): Promise<Blob | undefined> {
    if (this.#translated === undefined) {
      return undefined;
    }
    // A canvas shows nothing once its picture went to the screen, unless it is drawn in the same task.
    this.#draw();
    const surface = this.#surface;
    if ('convertToBlob' in surface) {
      return await surface.convertToBlob({ type: 'image/png' });
    }
    return await new Promise((resolve) => surface.toBlob((blob) => resolve(blob ?? undefined), 'image/png'));
  }

  /** Forgets the originals: what comes next is another film. The last picture stays until then. */
  reset(): void {
    this.#originals.clear();
  }

  #fit(picture: Picture): void {
    const { width, height } = sizeOf(picture);
    if (this.#surface.width !== width || this.#surface.height !== height) {
      this.#surface.width = width;
      this.#surface.height = height;
      this.#onSize(width, height);
    }
  }

  #draw(): void {
    const translated = this.#translated;
    if (translated === undefined) {
      return;
    }
    const { divider, mirrored } = this.#view;
    const { width, height } = this.#surface;
    const context = this.#context;
    context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
    context.drawImage(translated.image, 0, 0, width, height);
    const original = divider === undefined ? undefined : this.#originals.matching(translated.timestampMicroseconds);
    if (divider !== undefined && original !== undefined) {
      const shown = Math.round(width * divider);
      context.save();
      context.beginPath();
      // In a mirror, the left of the screen is the right of the picture.
      context.rect(mirrored ? width - shown : 0, 0, shown, height);
      context.clip();
      context.drawImage(original.image, 0, 0, width, height);
      context.restore();
    }
  }
}

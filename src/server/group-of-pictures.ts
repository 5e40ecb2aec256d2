import type { MediaUnit } from './media-unit.js';

/** Beyond these a group is not kept: whoever joins waits for the next key picture instead. */
const maxUnits = 300;
const maxBytes = 8 * 1024 * 1024;

/**
 * The pictures of a track since its last key picture: what a decoder needs that starts now. Bounded, however long the
 * encoder makes its groups.
 */
export class GroupOfPictures {
  #units: MediaUnit[] = [];
  #bytes = 0;

  /** The pictures, from the key on; empty when none is there. */
  get units(): readonly MediaUnit[] {
    return this.#units;
  }

  /** Takes the next picture of the track. */
  add(unit: MediaUnit): void {
    if (unit.key) {
      this.clear();
    } else if (this.#units.length === 0) {
      return; // Of a group whose beginning isn't there.
    }
    this.#units.push(unit);
    this.#bytes += unit.message.byteLength;
    if (this.#units.length > maxUnits || this.#bytes > maxBytes) {
      this.clear();
    }
  }

  /** Forgets all, when the track isn't made any more. */
  clear(): void {
    this.#units = [];
    this.#bytes = 0;
  }
}

/**
 * Buffers that go round: a frame's bytes are taken from here, moved from owner to owner, and come back, so that a long
 * video allocates no more than is in flight.
 */
export class FramePool {
  readonly #byteLength: number;
  readonly #free: ArrayBuffer[] = [];

  /** @param byteLength - Bytes of every buffer: all frames of a source have one size. */
  constructor(byteLength: number) {
    this.#byteLength = byteLength;
  }

  /** A buffer that nobody else uses; its content is whatever was left in it. */
  acquire(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(this.#byteLength);
  }

  /** Gives a buffer back. One that isn't of this pool's size (or was moved to another thread) is let go. */
  release(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#byteLength) {
      this.#free.push(buffer);
    }
  }
}

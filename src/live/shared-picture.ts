import type { FramePool } from '../frame/frame-pool.js';
import type { LiveFrame } from '../video/live/live-frame.js';

/** A picture that several encoders read at once; its buffer goes back to the pool when the last one is done. */
export class SharedPicture {
  /** The picture. */
  readonly frame: LiveFrame;
  readonly #pool: FramePool;
  #holders = 1;

  constructor(frame: LiveFrame, pool: FramePool) {
    this.frame = frame;
    this.#pool = pool;
  }

  /** Says that one more reads it. */
  hold(): this {
    this.#holders += 1;
    return this;
  }

  /** Says that one is done with it. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) {
      this.#pool.release(this.frame.pixels.buffer);
    }
  }
}

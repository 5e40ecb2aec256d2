import { FramePool } from '../../dist/index.js';

/** A pool that knows which buffers it made, and how many of them are out. */
export class CountingPool extends FramePool {
  readonly made = new Set<ArrayBuffer>();
  out = 0;

  override acquire(): ArrayBuffer {
    const buffer = super.acquire();
    this.made.add(buffer);
    this.out += 1;
    return buffer;
  }

  override release(buffer: ArrayBuffer): void {
    this.out -= 1;
    super.release(buffer);
  }
}

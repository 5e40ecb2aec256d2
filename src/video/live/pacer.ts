import { setTimeout as sleep } from 'node:timers/promises';

/** How late a picture may be before the clock is set anew, milliseconds: more than a hiccup. */
const tolerance = 300;

/** Keeps pictures until they are due, by their own timestamps. */
export class Pacer {
  /** What `performance.now()` is at timestamp 0. */
  #zero: number | undefined;

  /**
   * Resolves when the picture of that timestamp is due. Whoever comes late doesn't wait, and much too late the clock goes on
   * from there: what was missed isn't played faster.
   */
  async until(timestampMicroseconds: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const own = timestampMicroseconds / 1000;
    this.#zero ??= now - own;
    const wait = this.#zero + own - now;
    if (wait < -tolerance) {
      this.#zero = now - own;
    }
    if (wait > 0) {
      await sleep(wait, undefined, { signal });
    }
  }

  /** Forgets the clock: the next picture is due at once. */
  reset(): void {
    this.#zero = undefined;
  }
}

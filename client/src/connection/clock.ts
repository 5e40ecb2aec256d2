/** Answers looked at: a minute of them. */
const kept = 60;

/** Milliseconds since the Unix epoch, finer than `Date.now` and never running backwards. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * How far this page's clock is ahead of the server's, from the server's times as they arrive: the least of the last minute
 * is the offset, plus the shortest way here. So a delay told by it is too short by that way, a millisecond or so at home.
 */
export class ServerClock {
  #samples: number[] = [];

  add(serverTime: number): void {
    this.#samples.push(now() - serverTime);
    if (this.#samples.length > kept) {
      this.#samples.shift();
    }
  }

  /** Milliseconds to take from this page's time to have the server's. */
  get offset(): number {
    return this.#samples.length === 0 ? 0 : Math.min(...this.#samples);
  }

  reset(): void {
    this.#samples = [];
  }
}

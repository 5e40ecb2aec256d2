/** How often something may happen. */
export interface RateLimitOptions {
  /** At once, after a while of quiet. */
  readonly burst: number;
  /** In the long run. */
  readonly perSecond: number;
}

/** Lets so many through at once and so many a second after that: a token bucket. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  #left: number;
  #since = performance.now();

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#left = options.burst;
  }

  /** Whether there is nothing left just now. */
  get isExhausted(): boolean {
    this.#refill();
    return this.#left < 1;
  }

  /** Takes one; false when there was none left. */
  take(): boolean {
    if (this.isExhausted) {
      return false;
    }
    this.#left -= 1;
    return true;
  }

  #refill(): void {
    const now = performance.now();
    const gained = ((now - this.#since) / 1000) * this.#options.perSecond;
    this.#left = Math.min(this.#options.burst, this.#left + gained);
    this.#since = now;
  }
}

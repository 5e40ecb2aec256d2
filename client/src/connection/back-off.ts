const first = 500;
const most = 15_000;

/** Longer and longer waits, each by chance between half and the whole, so that many pages don't come back at once. */
export class BackOff {
  #attempts = 0;

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const whole = Math.min(most, first * 2 ** this.#attempts);
    this.#attempts += 1;
    return whole * (0.5 + Math.random() / 2);
  }

  /** An attempt has succeeded. */
  reset(): void {
    this.#attempts = 0;
  }
}

/** Times of one stage, kept as a histogram so that a film of any length takes the same memory. */
export class Meter {
  /** Buckets grow by a tenth each, from a hundredth of a millisecond: every percentile is within 5 %. */
  readonly #buckets = new Uint32Array(160);
  #count = 0;

  /** Takes a time in milliseconds. */
  add(milliseconds: number): void {
    const bucket = Math.ceil(Math.log(Math.max(milliseconds, 0.01) / 0.01) / Math.log(1.1));
    const index = Math.min(bucket, this.#buckets.length - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count += 1;
  }

  /** Milliseconds that the given share (0 to 1) of all times stayed within; 0 when there was none. */
  percentile(share: number): number {
    let rest = this.#count * share;
    if (rest === 0) {
      return 0;
    }
    for (const [index, count] of this.#buckets.entries()) {
      rest -= count;
      if (rest <= 0) {
        return 0.01 * 1.1 ** (index - 0.5);
      }
    }
    return 0.01 * 1.1 ** this.#buckets.length;
  }
}

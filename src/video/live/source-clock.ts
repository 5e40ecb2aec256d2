/** Microseconds by which a stream's clock may jump before that counts as a gap. */
const largestStep = 5_000_000;

/** Puts timestamps of one opening on the clock of the whole source, which never goes back. */
export class SourceClock {
  readonly #begin: number;
  #offset: number | undefined;
  #last = 0;

  constructor(begin: number) {
    this.#begin = begin;
  }

  /** Timestamp of a picture, and whether there is a gap before it. */
  place(own: number): { timestamp: number; discontinuity: boolean } {
    let discontinuity = false;
    if (this.#offset === undefined) {
      this.#offset = this.#begin - own;
      discontinuity = true;
    } else if (Math.abs(own + this.#offset - this.#last) > largestStep) {
      // The stream's own clock was set anew.
      this.#offset = this.#last + 40_000 - own;
      discontinuity = true;
    }
    this.#last = own + this.#offset;
    return { timestamp: this.#last, discontinuity };
  }
}

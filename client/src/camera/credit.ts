/**
 * Pictures that the server has allowed and not yet had. A picture without credit would end the connection, so credit that
 * was meant for a camera before this one must not count: the first grant of a camera is told by its size.
 */
export class Credit {
  readonly #initial: number;
  #left: number | undefined;

  /** @param initial - What the server grants at the start of each camera. */
  constructor(initial: number) {
    this.#initial = initial;
  }

  grant(frames: number): void {
    if (this.#left !== undefined) {
      this.#left = Math.min(this.#initial, this.#left + frames);
    } else if (frames >= this.#initial) {
      this.#left = this.#initial;
    }
  }

  /** Whether a picture may be sent. */
  get isThere(): boolean {
    return this.#left !== undefined && this.#left > 0;
  }

  /** A picture is on its way. */
  spend(): void {
    if (this.#left !== undefined) {
      this.#left -= 1;
    }
  }

  /** A picture that was to go out did not. */
  giveBack(): void {
    this.grant(1);
  }
}

import { CanceledError } from '../errors/errors.js';

interface Request {
  readonly id: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Changes of effect, one at a time: while a model is being loaded, only the last request waits. */
export class EffectSwitch {
  readonly #set: (id: string) => Promise<void>;
  #waiting: Request | undefined;
  #loading = false;
  #closed = false;

  /** @param set - Loads an effect's model and shows it. */
  constructor(set: (id: string) => Promise<void>) {
    this.#set = set;
  }

  /**
   * Changes the effect; resolves when it shows.
   *
   * @throws What loading it throws; {@link CanceledError} when another request took this one's place.
   */
  async change(id: string): Promise<void> {
    if (this.#closed) {
      throw new CanceledError();
    }
    this.#waiting?.reject(new CanceledError('Another effect was asked for meanwhile.'));
    const done = new Promise<void>((resolve, reject) => (this.#waiting = { id, resolve, reject }));
    void this.#work();
    await done;
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting?.reject(new CanceledError());
    this.#waiting = undefined;
  }

  async #work(): Promise<void> {
    if (this.#loading) {
      return;
    }
    this.#loading = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      await this.#set(next.id).then(next.resolve, next.reject);
    }
    this.#loading = false;
  }

  #take(): Request | undefined {
    const next = this.#waiting;
    this.#waiting = undefined;
    return next;
  }
}

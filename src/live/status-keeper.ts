import { Vid2VidError } from '../errors/errors.js';
import type { LiveStatus } from './types.js';

/** How each begins, and begins again. */
const starting: LiveStatus = { state: 'starting', message: 'The source is being opened.' };

/** How a translation is, told whenever that changes. What has failed stays so until it is revived. */
export class StatusKeeper {
  readonly #onStatus: (status: LiveStatus) => void;
  #status = starting;
  #silent = false;

  constructor(onStatus: (status: LiveStatus) => void) {
    this.#onStatus = onStatus;
  }

  /** How it is now. */
  get status(): LiveStatus {
    return this.#status;
  }

  tell(status: LiveStatus): void {
    if (this.#silent || this.#status.state === 'failed') {
      return;
    }
    const changed = status.state !== this.#status.state || status.message !== this.#status.message;
    this.#status = status;
    if (changed) {
      this.#onStatus(status);
    }
  }

  /** Tells of a state that an error has brought about; gives it back. */
  tellError(state: 'reconnecting' | 'failed', error: unknown): LiveStatus {
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof Vid2VidError && error.remedy !== undefined ? { remedy: error.remedy } : {};
    const status = { state, message, ...remedy };
    this.tell(status);
    return status;
  }

  /** What had failed begins again. */
  revive(): void {
    if (!this.#silent && this.#status.state === 'failed') {
      this.#status = starting;
      this.#onStatus(starting);
    }
  }

  /** Tells nobody any more. */
  close(): void {
    this.#silent = true;
  }
}

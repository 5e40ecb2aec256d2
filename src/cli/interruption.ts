import { signalExitCodes } from './exit-codes.js';

type InterruptSignal = keyof typeof signalExitCodes;

const signals = Object.keys(signalExitCodes) as InterruptSignal[];

/**
 * Listens for Ctrl-C and its kin while work is going on. The first one aborts `signal`, so that the work can clean up
 * after itself; the second one ends the process at once, as if nobody had listened.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #onFirst: () => void;
  #caught: InterruptSignal | undefined;

  /** @param onFirst - Called at the first signal, to tell the user that it was heard. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    for (const signal of signals) {
      process.on(signal, this.#listen);
    }
  }

  /** Aborted at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code that the signal calls for; undefined when there was none. */
  get exitCode(): number | undefined {
    return this.#caught === undefined ? undefined : signalExitCodes[this.#caught];
  }

  readonly #listen = (signal: NodeJS.Signals): void => {
    if (this.#caught === undefined) {
      this.#caught = signal as InterruptSignal;
      this.#onFirst();
      this.#controller.abort(new Error(signal));
    } else {
      // process.exit() would wait for native threads in the middle of a run; the signal's own effect doesn't.
      this[Symbol.dispose]();
      process.kill(process.pid, signal);
    }
  };

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const signal of signals) {
      process.off(signal, this.#listen);
    }
  }
}

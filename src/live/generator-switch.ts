import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { CanceledError } from '../errors/errors.js';
import { createGenerator, type Generator, type GeneratorOptions } from '../generator/generator.js';
import type { ModelPackage } from '../generator/model-package.js';

/** Wait before a generator that failed is started again, milliseconds. */
const recoverDelay = 1000;

/** What a {@link GeneratorSwitch} works with. */
export interface GeneratorSwitchOptions extends Pick<
  GeneratorOptions,
  'device' | 'sessions' | 'threads' | 'signal' | 'onNotice'
> {
  /** Lets a generator do all further frames; resolves when the one before has nothing under way. */
  use(generator: Generator | undefined): Promise<void>;
}

/** The generator of a stream: made anew for another size, model or after a crash, and swapped between two frames. */
export class GeneratorSwitch implements AsyncDisposable {
  readonly #options: GeneratorSwitchOptions;
  #model: ModelPackage;
  #generator: Generator | undefined;
  #size: { readonly width: number; readonly height: number } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #asked = 0;
  #closed = false;
  readonly #stop = new AbortController();
  readonly #events = new EventEmitter<{ made: [] }>();

  constructor(model: ModelPackage, options: GeneratorSwitchOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** The model that frames are given to. */
  get model(): ModelPackage {
    return this.#model;
  }

  /** What runs it; undefined until a size is known. */
  get generator(): Generator | undefined {
    return this.#generator;
  }

  /**
   * Resolves when there is a generator: one that couldn't be made may come with another model.
   *
   * @throws {@link CanceledError} when the switch is closed first.
   */
  async available(): Promise<void> {
    const { signal } = this.#stop;
    if (this.#generator === undefined) {
      await once(this.#events, 'made', { signal }).catch(() => undefined);
    }
    if (signal.aborted) {
      throw new CanceledError();
    }
  }

  /** Makes a generator for frames of another size. */
  resize(width: number, height: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#size = { width, height };
      const old = this.#generator;
      this.#generator = undefined;
      // Frames of the new size must not go to the old one.
      await this.#options.use(undefined);
      await old?.close();
      await this.#replace(this.#model);
    });
  }

  /** Changes the model; the old one goes on until the new one is loaded, and for good when it can't be. */
  change(load: () => Promise<ModelPackage>): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    return this.#inTurn(async () => {
      this.#assertWanted(asked);
      const model = await load();
      this.#assertWanted(asked);
      if (this.#size === undefined) {
        this.#model = model;
        return;
      }
      await this.#replace(model, () => this.#assertWanted(asked));
    });
  }

  /** Puts a new generator in the place of one that failed. */
  recover(failed: Generator): Promise<void> {
    return this.#inTurn(async () => {
      // Another change has put one in its place already.
      if (this.#generator !== undefined && this.#generator !== failed) {
        return;
      }
      this.#generator = undefined;
      await this.#options.use(undefined);
      await failed.close();
      await this.#replace(this.#model);
    });
  }

  /** As {@link GeneratorSwitch.recover}, after a while and again and again until it works or the switch is closed. */
  async restore(failed: Generator): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await sleep(recoverDelay, undefined, { signal }).catch(() => undefined);
      try {
        await this.recover(failed);
        return;
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        this.#options.onNotice?.(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop.abort();
    await this.#last.catch(() => undefined);
    await this.#generator?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #replace(model: ModelPackage, check: () => void = () => undefined): Promise<void> {
    if (this.#size === undefined || this.#closed) {
      throw new CanceledError();
    }
    const { device, sessions, threads, signal, onNotice } = this.#options;
    // One session: each of two would remember every other frame only, and frames that others overtake are dropped.
    const plan = { device, sessions: sessions ?? 1, threads, signal, onNotice };
    const generator = await createGenerator({ ...plan, model, ...this.#size });
    try {
      check();
    } catch (error) {
      await generator.close();
      throw error;
    }
    const old = this.#generator;
    this.#model = model;
    this.#generator = generator;
    await this.#options.use(generator);
    await old?.close();
    this.#events.emit('made');
  }

  #assertWanted(asked: number): void {
    if (asked !== this.#asked || this.#closed) {
      throw new CanceledError('Another effect was asked for meanwhile.');
    }
  }

  /** Runs a change when those before it are done. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change, change);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

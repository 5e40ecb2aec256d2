import { CanceledError } from '../errors/errors.js';
import type { FramePool } from '../frame/frame-pool.js';
import type { Frame } from '../frame/frame.js';
import type { ConditionValues, Generator } from '../generator/generator.js';
import { NewestSlot } from './newest-slot.js';

/** Where a live frame can be lost: before the network, or after it because a newer one was done sooner. */
export type LivePumpDrop = 'generator' | 'late';

/** What a {@link LivePump} works with. */
export interface LivePumpOptions<F extends Frame> {
  /** The conditions of a frame, asked for when its turn comes. */
  conditions(frame: F): ConditionValues;
  /** Given each translated frame with its original, in order; their buffers are the receiver's to give back. */
  onTranslated(translated: F, original: F, inferMilliseconds: number): void;
  /** Told of each frame that is lost; its buffers have been given back. */
  onDrop(where: LivePumpDrop): void;
  /** Told when a generator fails; it is given no more frames. */
  onFailure(generator: Generator, error: Error): void;
}

/** A frame and where its buffer belongs. */
interface Waiting<F> {
  readonly frame: F;
  readonly pool: FramePool;
}

/**
 * Moves live frames through a generator. The newest frame wins: each stage of each session works on one, one more waits, and
 * a newer one takes its place. So no queue grows: between the stages of a session wait one frame fewer than there are stages
 * at most. The delay stays what one frame takes however fast the source is; of a session in stages, as many times what passes
 * between two frames that come out as there are stages.
 *
 * (One more frame a session, as for files, would be quicker by the worker's pause between two frames, well under a
 * millisecond, and add a whole stage's time to the delay.)
 */
export class LivePump<F extends Frame> {
  readonly #options: LivePumpOptions<F>;
  readonly #waiting = new NewestSlot<Waiting<F>>();
  readonly #underWay = new Map<Generator, number>();
  readonly #idle = new Map<Generator, () => void>();
  #generator: Generator | undefined;
  #lastIndex = -1;
  /** Whether what is offered next goes on where the last frame ended, drops aside. */
  #follows = false;
  #closed = false;

  constructor(options: LivePumpOptions<F>) {
    this.#options = options;
  }

  /**
   * Takes a frame; at once when the generator has time for it, else until a newer one comes.
   *
   * @param pool - Where its buffer came from; the result's comes from there too.
   * @param follows - Whether it follows the one before. Where it doesn't, a model with memory begins anew.
   */
  offer(frame: F, pool: FramePool, follows = true): void {
    if (!follows || !this.#follows) {
      this.#generator?.reset();
    }
    this.#follows = true;
    this.#drop(this.#waiting.put({ frame, pool }));
    this.#advance();
  }

  /**
   * Lets another generator do all further frames.
   *
   * @returns Resolves when the one before has nothing under way any more, and may be closed.
   */
  async use(generator: Generator | undefined): Promise<void> {
    const before = this.#generator;
    this.#generator = generator;
    this.#advance();
    if (before !== undefined && before !== generator && (this.#underWay.get(before) ?? 0) > 0) {
      await new Promise<void>((resolve) => this.#idle.set(before, resolve));
    }
  }

  /**
   * Forgets the frame that waits, without counting it, and takes what comes next for the first of a sequence: the source
   * is paused, or of another size, or nobody watched it.
   */
  clear(): void {
    this.#follows = false;
    const waiting = this.#waiting.take();
    waiting?.pool.release(waiting.frame.pixels.buffer);
  }

  /** Takes no more and gives no more. */
  close(): void {
    this.#closed = true;
    this.clear();
  }

  #advance(): void {
    const generator = this.#generator;
    if (this.#closed) {
      this.clear();
      return;
    }
    if (generator === undefined || (this.#underWay.get(generator) ?? 0) >= workedOnAtOnce(generator)) {
      return;
    }
    const next = this.#waiting.take();
    if (next !== undefined) {
      void this.#translate(generator, next);
    }
  }

  async #translate(generator: Generator, { frame, pool }: Waiting<F>): Promise<void> {
    this.#count(generator, 1);
    try {
      const result = await generator.translate(frame, pool.acquire(), this.#options.conditions(frame));
      const translated = { ...frame, pixels: result.frame.pixels };
      const original = { ...frame, pixels: result.source.pixels };
      if (this.#closed || frame.index < this.#lastIndex) {
        pool.release(translated.pixels.buffer);
        pool.release(original.pixels.buffer);
        this.#options.onDrop('late');
      } else {
        this.#lastIndex = frame.index;
        this.#options.onTranslated(translated, original, result.inferMilliseconds);
      }
    } catch (error) {
      if (!(error instanceof CanceledError) && !this.#closed) {
        if (this.#generator === generator) {
          this.#generator = undefined;
        }
        this.#options.onFailure(generator, error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#count(generator, -1);
    this.#advance();
  }

  #count(generator: Generator, change: 1 | -1): void {
    const count = (this.#underWay.get(generator) ?? 0) + change;
    this.#underWay.set(generator, count);
    if (count === 0) {
      this.#underWay.delete(generator);
      this.#idle.get(generator)?.();
      this.#idle.delete(generator);
    }
  }

  #drop(older: Waiting<F> | undefined): void {
    if (older !== undefined) {
      older.pool.release(older.frame.pixels.buffer);
      this.#options.onDrop('generator');
    }
  }
}

/** Frames that a generator works on at once: its capacity without the one a session that would only wait its turn. */
function workedOnAtOnce({ capacity, sessions }: Generator): number {
  return capacity - sessions;
}

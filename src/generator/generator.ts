import { availableParallelism } from 'node:os';

import { CanceledError, throwIfCanceled, UsageError } from '../errors/errors.js';
import { type Frame, rgbByteLength } from '../frame/frame.js';
import { type ConditionValues, resolveConditions } from './conditions.js';
import { type DeviceTrial, openDevice } from './device.js';
import type { DeviceName, ProviderName } from './execution-providers.js';
import { missingHardware } from './hardware.js';
import { bytesOf, checkMemory, checkSize, memoryBytes } from './model-limits.js';
import { chooseGraph, type ModelPackage } from './model-package.js';
import { type AnySession, canSplit, openSession } from './open-session.js';
import { largeModelBytes, planSessions, type PlanLimits, type SessionPlan } from './session-plan.js';
import { frameMilliseconds } from './session-time.js';

export type { ConditionValues } from './conditions.js';

/**
 * Options of {@link createGenerator}.
 *
 * @group Generating
 */
export interface GeneratorOptions {
  /** The model to run. */
  readonly model: ModelPackage;
  /** Pixels a row of every frame. */
  readonly width: number;
  /** Rows of every frame. */
  readonly height: number;
  /** Where to run it. Default `'auto'`: the best that works. */
  readonly device?: DeviceName | undefined;
  /**
   * Sessions side by side, each of one worker thread or, in stages, of one for each stage. Default: one a core on a CPU, up to
   * 8; one on a GPU, or for a model with memory.
   */
  readonly sessions?: number | undefined;
  /**
   * Threads a session. Default: the cores shared among the sessions; for a small model with memory no more than 8, or 6 in
   * stages. From two on, a CPU runs a model that can be split (`splitAt` in its manifest) in stages that work on one frame each
   * and share the threads, of which each stage has one at least: on two cores twice as many frames a second at best, while a
   * single frame has fewer threads at a time.
   */
  readonly threads?: number | undefined;
  /** Stops the start, and the generator: it closes, and what is in flight is rejected with {@link CanceledError}. */
  readonly signal?: AbortSignal | undefined;
  /** Told in one line what the user should know, such as why a better device isn't used. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/**
 * A frame that has been through the network.
 *
 * @group Generating
 */
export interface Translation {
  /** The translated picture, in the buffer that was brought for it; index and timestamp are the source's. */
  readonly frame: Frame;
  /** The frame that went in, its pixels back and to be used again. */
  readonly source: Frame;
  /** Milliseconds inside the network. */
  readonly inferMilliseconds: number;
}

/**
 * A network that is loaded and warm, for frames of one size.
 *
 * @group Generating
 */
export interface Generator extends AsyncDisposable {
  /** Where it runs. */
  readonly provider: ProviderName;
  /** Sessions side by side. */
  readonly sessions: number;
  /** Threads a session, shared by its stages; each of these has one at least, should they be more. */
  readonly threads: number;
  /**
   * Frames to have in flight for full speed: one for each stage of each session (a session has one stage, or several on a CPU
   * where the model can be split), and one a session that waits its turn.
   */
  readonly capacity: number;
  /**
   * Translates a frame. The frame's buffer and `into` move to a worker: both are detached until the answer brings them
   * back. Frames given at once run side by side and may finish in another order.
   *
   * A model with memory (`manifest.states`) takes frames as the pictures of one sequence, in the order in which they are
   * given: each session remembers those that it was dealt, which with two sessions is every other one.
   *
   * @param frame - The picture; its pixels span their whole buffer.
   * @param into - Buffer for the result, of the frame's byte length.
   * @param conditions - Values for what the model takes beside the frame.
   */
  translate(frame: Frame, into: ArrayBuffer, conditions?: ConditionValues): Promise<Translation>;
  /**
   * Forgets all frames so far: the next one is translated as the first of a sequence. To be called where frames don't
   * follow each other: at another source, a jump, a gap. Frames given before aren't affected, and models without memory
   * never are.
   */
  reset(): void;
  /** Ends it: what is in flight is rejected with {@link CanceledError}, and the workers go once their run has ended. */
  close(): Promise<void>;
}

/**
 * Loads a model and warms it up, in worker threads of its own.
 *
 * @throws {@link InputError} for a size the model doesn't take, {@link ModelError} for a graph that doesn't run,
 * {@link DeviceError} for a device that doesn't.
 * @group Generating
 */
export async function createGenerator(options: GeneratorOptions): Promise<Generator> {
  return openGenerator(options, { mayStage: true });
}

/**
 * As {@link createGenerator}, for one frame at a time: a session has one stage, with all its threads. More would wait for each
 * other, and take time to start.
 */
export async function createStillGenerator(options: GeneratorOptions): Promise<Generator> {
  return openGenerator(options, { mayStage: false });
}

async function openGenerator(options: GeneratorOptions, { mayStage }: { mayStage: boolean }): Promise<Generator> {
  const { model, width, height, device = 'auto', signal, onNotice } = options;
  throwIfCanceled(signal);
  checkSize(model.manifest, width, height);
  const cores = availableParallelism();
  const open = (provider: ProviderName, { threads }: { threads: number }) =>
    openSession({ model, provider, width, height, threads, mayStage, signal });
  const limits = (provider: ProviderName): PlanLimits => {
    const graph = chooseGraph(model.manifest, provider);
    return {
      modelBytes: bytesOf(graph),
      memoryBytes: memoryBytes(),
      remembers: model.manifest.states.length > 0,
      splits: mayStage && canSplit(graph),
    };
  };
  checkMemory(model.manifest, limits('cpu'));
  const trial: DeviceTrial<AnySession> = {
    missingHardware,
    open: (provider, single) =>
      open(provider, planSessions(provider, cores, single ? { sessions: 1 } : options, limits(provider))),
    time: (session) => frameMilliseconds(session, rgbByteLength(width, height)),
    // A large model takes a CPU seconds a frame, and loading it twice only to see that would take longer still.
    compareWithCpu: limits('cpu').modelBytes <= largeModelBytes,
    onNotice,
  };
  const { provider, session } = await openDevice(device, trial);
  const plan = planSessions(provider, cores, options, limits(provider), onNotice);
  const others = await Promise.allSettled(Array.from({ length: plan.sessions - 1 }, () => open(provider, plan)));
  const sessions = [session, ...others.flatMap((other) => (other.status === 'fulfilled' ? [other.value] : []))];
  const failed = others.find((other) => other.status === 'rejected');
  if (failed !== undefined || signal?.aborted) {
    await Promise.all(sessions.map((opened) => opened.close()));
    throwIfCanceled(signal);
    throw failed?.reason;
  }
  return new SessionGenerator(options, provider, plan, sessions);
}

/** Frames spread over sessions. */
class SessionGenerator implements Generator {
  readonly provider: ProviderName;
  readonly sessions: number;
  readonly threads: number;
  readonly capacity: number;
  readonly #options: GeneratorOptions;
  readonly #opened: readonly AnySession[];
  readonly #remembers: boolean;
  /** Whose turn it is, where sessions take turns. */
  #turn = 0;
  readonly #stop = () => void this.close();
  #closed: Promise<void> | undefined;

  constructor(options: GeneratorOptions, provider: ProviderName, plan: SessionPlan, opened: readonly AnySession[]) {
    this.provider = provider;
    this.sessions = plan.sessions;
    this.threads = plan.threads;
    this.capacity = opened.reduce((sum, { stages }) => sum + stages + 1, 0);
    this.#options = options;
    this.#opened = opened;
    this.#remembers = options.model.manifest.states.length > 0;
    options.signal?.addEventListener('abort', this.#stop, { once: true });
  }

  async translate(frame: Frame, into: ArrayBuffer, conditions: ConditionValues = {}): Promise<Translation> {
    if (this.#closed !== undefined) {
      throw new CanceledError('The generator is closed.');
    }
    this.#check(frame, into);
    const values = resolveConditions(this.#options.model.manifest, conditions);
    const session = this.#deal();
    const { input, output, inferMilliseconds } = await session.run(
      { input: frame.pixels.buffer, output: into },
      values,
    );
    return {
      frame: { ...frame, pixels: new Uint8Array(output) },
      source: { ...frame, pixels: new Uint8Array(input) },
      inferMilliseconds,
    };
  }

  reset(): void {
    if (this.#remembers) {
      this.#turn = 0;
      this.#opened.forEach((session) => session.reset());
    }
  }

  close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    this.#closed ??= Promise.all(this.#opened.map((session) => session.close())).then(() => undefined);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The session for the next frame. */
  #deal(): AnySession {
    const least = this.#opened.reduce((fewest, other) => (other.inFlight < fewest.inFlight ? other : fewest));
    if (!this.#remembers) {
      return least;
    }
    // Whoever were free first would take other frames each time, remember others, and draw another video.
    const next = this.#opened[this.#turn] ?? least;
    this.#turn = (this.#turn + 1) % this.#opened.length;
    return next;
  }

  #check({ width, height, pixels }: Frame, into: ArrayBuffer): void {
    const expected = this.#options;
    if (width !== expected.width || height !== expected.height) {
      throw new UsageError(
        `A frame of ${width}x${height} was given to a generator made for ${expected.width}x${expected.height}.`,
      );
    }
    const bytes = rgbByteLength(width, height);
    if (pixels.byteLength !== bytes || pixels.buffer.byteLength !== bytes) {
      throw new UsageError(
        `A frame's pixels must be ${bytes} bytes and span their buffer; these are ${pixels.byteLength} of ${pixels.buffer.byteLength}.`,
      );
    }
    if (into.byteLength !== bytes || into === pixels.buffer) {
      throw new UsageError(`"into" must be a buffer of its own of ${bytes} bytes; this one has ${into.byteLength}.`);
    }
  }
}

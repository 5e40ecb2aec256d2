import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';

import { CanceledError, DeviceError, InputError, throwIfCanceled, UsageError } from '../errors/errors.js';
import { type Frame, rgbByteLength } from '../frame/frame.js';
import { type ConditionValues, resolveConditions } from './conditions.js';
import { type DeviceTrial, openDevice } from './device.js';
import type { DeviceName, ProviderName } from './execution-providers.js';
import { bindDimensions, checkGraph } from './graph-check.js';
import { missingHardware } from './hardware.js';
import type { ModelGraph, ModelInput, ModelManifest } from './manifest.js';
import { chooseGraph, filesOf, type ModelPackage } from './model-package.js';
import { largeModelBytes, planSessions, type PlanLimits, type SessionPlan } from './session-plan.js';
import { Session } from './session.js';

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
  /** Sessions (workers) side by side. Default: one a core on a CPU, up to 8; one on a GPU. */
  readonly sessions?: number | undefined;
  /** Threads a session. Default: the cores shared among the sessions. */
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
  /** Threads a session. */
  readonly threads: number;
  /** Frames to have in flight for full speed: two a session, of which one is inferred and the other waits its turn. */
  readonly capacity: number;
  /**
   * Translates a frame. The frame's buffer and `into` move to a worker: both are detached until the answer brings them
   * back. Frames given at once run side by side and may finish in another order.
   *
   * @param frame - The picture; its pixels span their whole buffer.
   * @param into - Buffer for the result, of the frame's byte length.
   * @param conditions - Values for what the model takes beside the frame.
   */
  translate(frame: Frame, into: ArrayBuffer, conditions?: ConditionValues): Promise<Translation>;
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
  const { model, width, height, device = 'auto', signal, onNotice } = options;
  throwIfCanceled(signal);
  checkSize(model.manifest, width, height);
  const cores = availableParallelism();
  const open = (provider: ProviderName, { threads }: { threads: number }) =>
    Session.open({ ...describe(model, provider, width, height), provider, threads, signal });
  const limits = (provider: ProviderName): PlanLimits => ({
    modelBytes: bytesOf(chooseGraph(model.manifest, provider)),
    memoryBytes: memoryBytes(),
  });
  checkMemory(model.manifest, limits('cpu'));
  const trial: DeviceTrial<Session> = {
    missingHardware,
    open: (provider, allCores) =>
      open(provider, allCores ? { threads: cores } : planSessions(provider, cores, options, limits(provider))),
    time: (session) => timeOf(session, rgbByteLength(width, height)),
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
  readonly #opened: readonly Session[];
  readonly #stop = () => void this.close();
  #closed: Promise<void> | undefined;

  constructor(options: GeneratorOptions, provider: ProviderName, plan: SessionPlan, opened: readonly Session[]) {
    this.provider = provider;
    this.sessions = plan.sessions;
    this.threads = plan.threads;
    this.capacity = 2 * plan.sessions;
    this.#options = options;
    this.#opened = opened;
    options.signal?.addEventListener('abort', this.#stop, { once: true });
  }

  async translate(frame: Frame, into: ArrayBuffer, conditions: ConditionValues = {}): Promise<Translation> {
    if (this.#closed !== undefined) {
      throw new CanceledError('The generator is closed.');
    }
    this.#check(frame, into);
    const values = resolveConditions(this.#options.model.manifest, conditions);
    const session = this.#opened.reduce((least, other) => (other.inFlight < least.inFlight ? other : least));
    const { input, output, inferMilliseconds } = await session.run(frame.pixels.buffer, into, values);
    return {
      frame: { ...frame, pixels: new Uint8Array(output) },
      source: { ...frame, pixels: new Uint8Array(input) },
      inferMilliseconds,
    };
  }

  close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    this.#closed ??= Promise.all(this.#opened.map((session) => session.close())).then(() => undefined);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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

function bytesOf(graph: ModelGraph): number {
  return filesOf(graph).reduce((sum, file) => sum + file.bytes, 0);
}

/** Memory of the machine, or of the container that this process is in. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return Math.min(totalmem(), limit > 0 ? limit : Infinity);
}

/** Refuses a model that can't fit, before gigabytes of it are read and the system ends the process. */
function checkMemory({ id }: ModelManifest, { modelBytes, memoryBytes }: PlanLimits): void {
  if (modelBytes > memoryBytes) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw new DeviceError(
      'device-unavailable',
      `Model ${id} holds ${gigabytes(modelBytes)} GB of weights; there are ${gigabytes(memoryBytes)} GB of memory.`,
      { remedy: 'Take a smaller model, or pull this one with --precision fp16.' },
    );
  }
}

function describe(model: ModelPackage, provider: ProviderName, width: number, height: number) {
  const { directory, manifest } = model;
  const graph = chooseGraph(manifest, provider);
  const file = path.join(directory, graph.file);
  const checked = checkGraph(file, graph, manifest);
  return {
    graph: file,
    input: manifest.input.name,
    output: manifest.output.name,
    width,
    height,
    conditions: manifest.conditions.map(({ input, default: value }) => ({
      input,
      value,
      shape: checked.conditionShapes.get(input) ?? [],
    })),
    freeDimensions: bindDimensions(checked, width, height),
  };
}

/** Milliseconds of the best of three runs on an empty picture; of fewer, where they are slow. */
async function timeOf(session: Session, bytes: number): Promise<number> {
  let best = Infinity;
  for (let run = 0, spent = 0; run < 3 && spent < 1000; run++) {
    const { inferMilliseconds } = await session.run(new ArrayBuffer(bytes), new ArrayBuffer(bytes), {});
    best = Math.min(best, inferMilliseconds);
    spent += inferMilliseconds;
  }
  return best;
}

function checkSize({ id, input }: ModelManifest, width: number, height: number): void {
  const fits = (size: number, minimum: number, maximum: number) =>
    Number.isInteger(size) && size >= minimum && size <= maximum && size % input.sizeMultiple === 0;
  if (!fits(width, input.minWidth, input.maxWidth) || !fits(height, input.minHeight, input.maxHeight)) {
    throw new InputError('size-unsupported', `Model ${id} can't translate ${width}x${height}: ${allowedText(input)}.`, {
      remedy: 'Choose another size with --size.',
    });
  }
}

function allowedText({ minWidth, minHeight, maxWidth, maxHeight, sizeMultiple }: ModelInput): string {
  const multiples = sizeMultiple > 1 ? `, both multiples of ${sizeMultiple}` : '';
  return `it takes ${minWidth}x${minHeight} to ${maxWidth}x${maxHeight}${multiples}`;
}

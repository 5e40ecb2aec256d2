import { findModel } from '../catalogue/find-model.js';
import { CanceledError, FfmpegError, throwIfCanceled, UsageError, Vid2VidError } from '../errors/errors.js';
import type { ConditionValues } from '../generator/conditions.js';
import type { Generator } from '../generator/generator.js';
import type { ModelPackage } from '../generator/model-package.js';
import { LivePump } from '../pipeline/live-pump.js';
import { probeCapabilities, type FfmpegCapabilities } from '../video/ffmpeg/capabilities.js';
import { locateFfmpeg, type FfmpegPrograms } from '../video/ffmpeg/locate.js';
import type { LiveFormat, LiveFrame, LiveSource } from '../video/live/live-frame.js';
import { LiveOutput } from '../video/live/live-output.js';
import { PushedSource } from '../video/live/pushed-source.js';
import { GeneratorSwitch } from './generator-switch.js';
import { LiveMeters } from './live-meters.js';
import { openLiveSource } from './open-source.js';
import { TrackSet } from './track-set.js';
import type {
  AccessUnit,
  LiveStatistics,
  LiveStatus,
  LiveStream,
  LiveTrack,
  LiveTracks,
  LiveTranslation,
  LiveTranslationOptions,
  PushedUnit,
} from './types.js';

/** Wait before a generator that failed is started again, milliseconds. */
const recoverDelay = 1000;

/** What is there before anything is translated. */
interface Prepared {
  readonly programs: FfmpegPrograms;
  readonly capabilities: FfmpegCapabilities;
  readonly model: ModelPackage;
  readonly outputs: readonly LiveOutput[];
  readonly source: LiveSource;
}

/**
 * Begins to translate a live stream. It resolves when all that can be checked is checked; pictures come when
 * {@link LiveStatus} says `live`. A source that is lost, later or from the start, is tried again until it works.
 *
 * @throws {@link UsageError} for options that can't be right, {@link InputError} for a file that is no video or a camera
 * that isn't there, {@link ModelError}, {@link OutputError} and {@link FfmpegError} for what is at fault.
 * @example
 * ```ts
 * await using live = await openLiveTranslation({
 *   source: { kind: 'file', path: 'drive.mp4', loop: true },
 *   onAccessUnit: (unit) => socket.send(unit.data),
 * });
 * ```
 * @group Live
 */
export async function openLiveTranslation(options: LiveTranslationOptions): Promise<LiveTranslation> {
  const { signal, effect, strength = 1 } = options;
  throwIfCanceled(signal);
  assertStrength(strength);
  const programs = await locateFfmpeg(options.ffmpeg);
  const [capabilities, model] = await Promise.all([
    probeCapabilities(programs.ffmpeg),
    findModel({ effect, model: options.model, onNotice: options.onNotice }),
  ]);
  if (!capabilities.encoders.has('libx264')) {
    throw new FfmpegError('encoder-missing', `"${programs.ffmpeg}" has no encoder libx264, which live streams need.`, {
      remedy: 'Install a full ffmpeg, or leave --ffmpeg out to use the bundled one.',
    });
  }
  const onNotice = (notice: string) => options.onNotice?.(notice);
  const outputs = await Promise.all(
    (options.outputs ?? []).map((output) =>
      LiveOutput.prepare({ output, program: programs.ffmpeg, overwrite: options.overwrite ?? false, onNotice }),
    ),
  );
  const source = await openLiveSource(options, programs, capabilities);
  const translation = new Translation(options, { programs, capabilities, model, outputs, source });
  translation.start();
  return translation;
}

class Translation implements LiveTranslation {
  readonly #options: LiveTranslationOptions;
  readonly #source: LiveSource;
  readonly #outputs: readonly LiveOutput[];
  readonly #pump: LivePump<LiveFrame>;
  readonly #switch: GeneratorSwitch;
  readonly #tracks: TrackSet;
  readonly #meters: LiveMeters;
  readonly #codecs = new Map<string, { readonly track: LiveTrack; readonly codec: string }>();
  readonly #onAbort = () => void this.close();
  #format: LiveFormat | undefined;
  #status: LiveStatus = { state: 'starting', message: 'The source is being opened.' };
  #strength: number;
  /** A gap in the source whose first picture hasn't come out yet. */
  #gap = false;
  #wanted: LiveTracks;
  #paused = false;
  #closed: Promise<void> | undefined;

  constructor(options: LiveTranslationOptions, { programs, capabilities, model, outputs, source }: Prepared) {
    this.#options = options;
    this.#source = source;
    this.#outputs = outputs;
    this.#strength = options.strength ?? 1;
    this.#wanted = options.tracks ?? { translated: { h264: true } };
    const onNotice = (notice: string) => options.onNotice?.(notice);
    this.#meters = new LiveMeters(onNotice);
    this.#pump = new LivePump<LiveFrame>({
      conditions: (frame) => this.#conditions(frame),
      onTranslated: (translated, original, milliseconds) => this.#encode(translated, original, milliseconds),
      onDrop: (where) => this.#meters.drop(where),
      onFailure: (generator, error) => void this.#recover(generator, error),
    });
    this.#switch = new GeneratorSwitch(model, {
      ...{ device: options.device, sessions: options.sessions, threads: options.threads, onNotice },
      use: (generator) => this.#pump.use(generator),
    });
    this.#tracks = new TrackSet({
      ...{ program: programs.ffmpeg, capabilities, onNotice },
      onCodec: (track, codec) => this.#announce(track, codec),
      onUnit: (unit, frame, milliseconds) => this.#deliver(unit, frame, milliseconds),
      onDrop: () => this.#meters.drop('encoder'),
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get status(): LiveStatus {
    return this.#status;
  }

  get effect(): string {
    return this.#switch.model.manifest.effect;
  }

  get model(): string {
    return this.#switch.model.manifest.id;
  }

  get strength(): number {
    return this.#strength;
  }

  get streams(): readonly LiveStream[] {
    return [...this.#codecs.values()].flatMap(({ track, codec }) => this.#describe(track, codec) ?? []);
  }

  start(): void {
    this.#applyTracks();
    this.#options.onStatus?.(this.#status);
    this.#source.start({
      onFormat: (format) => this.#begin(format),
      onFrame: (frame) => this.#take(frame),
      onStatus: (status) => this.#tell(status),
      onNotice: (notice) => this.#options.onNotice?.(notice),
    });
  }

  push(unit: PushedUnit): boolean {
    if (!(this.#source instanceof PushedSource)) {
      throw new UsageError('Pictures can be pushed only where the source is of the kind "pushed".');
    }
    return this.#source.push(unit);
  }

  async setEffect(effect: string): Promise<void> {
    await this.#switch.change(() => findModel({ effect }));
    this.#announceAll();
  }

  setStrength(strength: number): void {
    assertStrength(strength);
    this.#strength = strength;
  }

  pause(): void {
    this.#paused = true;
    this.#source.pause();
    this.#pump.clear();
  }

  resume(): void {
    this.#paused = false;
    this.#source.resume();
  }

  requestKeyFrame(): void {
    this.#tracks.requestKeyFrame();
  }

  setTracks(tracks: LiveTracks): void {
    this.#wanted = tracks;
    this.#applyTracks();
  }

  statistics(): LiveStatistics {
    const { width, height } = this.#format ?? {};
    return {
      ...this.#meters.snapshot(),
      ...{ effect: this.effect, model: this.model, strength: this.#strength },
      provider: this.#switch.generator?.provider,
      size: width === undefined || height === undefined ? undefined : { width, height },
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#pump.close();
    // The switch may be loading for the source that waits for it.
    await Promise.all([this.#source.close(), this.#switch.close()]);
    await Promise.all([this.#tracks.close(), ...this.#outputs.map((output) => output.close())]);
  }

  /** Pictures of a size come, or of another one. */
  async #begin(format: LiveFormat): Promise<void> {
    this.#pump.clear();
    this.#format = format;
    try {
      await this.#switch.resize(format.width, format.height);
    } catch (error) {
      if (!(error instanceof CanceledError)) {
        this.#tell({ state: 'failed', ...describeError(error) });
      }
      throw error;
    }
    this.#tracks.resize(format);
    this.#announceAll();
  }

  #take(frame: LiveFrame): void {
    const pool = this.#format?.pool;
    this.#meters.frameIn(frame.decodeMilliseconds);
    this.#gap ||= frame.discontinuity;
    if (pool === undefined || this.#closed !== undefined || this.#paused || this.#isUnwatched()) {
      pool?.release(frame.pixels.buffer);
      return;
    }
    this.#pump.offer(frame, pool);
  }

  /** Whether nobody would see what is translated. */
  #isUnwatched(): boolean {
    return this.#tracks.isEmpty && this.#outputs.length === 0;
  }

  #conditions(frame: LiveFrame): ConditionValues {
    const kinds = new Set(this.#switch.model.manifest.conditions.map(({ kind }) => kind));
    return {
      ...(kinds.has('strength') ? { strength: this.#strength } : {}),
      ...(kinds.has('time') ? { time: frame.timestamp / 1_000_000 } : {}),
    };
  }

  #encode(translated: LiveFrame, original: LiveFrame, inferMilliseconds: number): void {
    const format = this.#format;
    if (translated.width !== format?.width || translated.height !== format.height) {
      return;
    }
    this.#meters.infer.add(inferMilliseconds);
    const discontinuity = this.#gap;
    this.#gap = false;
    this.#tracks.offer({ ...translated, discontinuity }, { ...original, discontinuity }, format.pool, (picture) => {
      for (const output of this.#outputs.filter(({ takes }) => takes === 'raw')) {
        const { pixels: data, timestamp: timestampMicroseconds, width, height } = picture.hold().frame;
        output.write({ data, key: true, timestampMicroseconds, width, height }, () => picture.release());
      }
    });
  }

  #deliver(unit: AccessUnit, frame?: LiveFrame, encodeMilliseconds = 0): void {
    if (unit.track === 'translated' && unit.codec === 'h264') {
      this.#meters.encode.add(encodeMilliseconds);
      this.#meters.frameOut(performance.now() - (frame?.arrived ?? performance.now()));
      this.#outputs.filter(({ takes }) => takes === 'h264').forEach((output) => output.write(unit));
    }
    if (this.#wanted[unit.track]?.[unit.codec] === true) {
      this.#options.onAccessUnit(unit);
    }
  }

  /** Outputs are fed from the translated track, whoever watches. */
  #applyTracks(): void {
    const needed = this.#outputs.some(({ takes }) => takes === 'h264');
    const { translated } = this.#wanted;
    this.#tracks.want(needed ? { ...this.#wanted, translated: { ...translated, h264: true } } : this.#wanted);
  }

  #announce(track: LiveTrack, codec: string): void {
    this.#codecs.set(`${track} ${codec === 'jpeg' ? 'jpeg' : 'h264'}`, { track, codec });
    const stream = this.#describe(track, codec);
    if (stream !== undefined && this.#wanted[track]?.[codec === 'jpeg' ? 'jpeg' : 'h264'] === true) {
      this.#options.onStream?.(stream);
    }
  }

  #announceAll(): void {
    [...this.#codecs.values()].forEach(({ track, codec }) => this.#announce(track, codec));
  }

  #describe(track: LiveTrack, codec: string): LiveStream | undefined {
    const [format, generator] = [this.#format, this.#switch.generator];
    if (format === undefined || generator === undefined) {
      return undefined;
    }
    const { width, height, frameRate } = format;
    return { track, codec, width, height, frameRate, provider: generator.provider, model: this.model };
  }

  #tell(status: LiveStatus): void {
    if (this.#closed !== undefined || this.#status.state === 'failed') {
      return;
    }
    const changed = status.state !== this.#status.state || status.message !== this.#status.message;
    this.#status = status;
    if (changed) {
      this.#options.onStatus?.(status);
    }
  }

  /** A generator that fails (its worker crashed) gets a successor, again and again until one works. */
  async #recover(failed: Generator, error: Error): Promise<void> {
    const before = this.#status;
    this.#tell({ state: 'reconnecting', ...describeError(error) });
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, recoverDelay));
      if (this.#closed !== undefined) {
        return;
      }
      try {
        await this.#switch.recover(failed);
        this.#tell({ ...before, state: before.state === 'ended' ? 'ended' : 'live' });
        return;
      } catch (again) {
        this.#options.onNotice?.(again instanceof Error ? again.message : String(again));
      }
    }
  }
}

function describeError(error: unknown): { message: string; remedy?: string } {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof Vid2VidError && error.remedy !== undefined ? { message, remedy: error.remedy } : { message };
}

function assertStrength(strength: number): void {
  if (!(strength >= 0 && strength <= 1)) {
    throw new UsageError(`The strength is ${strength}; it has to be from 0 to 1.`);
  }
}

import { findModel } from '../catalogue/find-model.js';
import { CanceledError, UsageError } from '../errors/errors.js';
import type { Generator } from '../generator/generator.js';
import type { ModelPackage } from '../generator/model-package.js';
import { LivePump } from '../pipeline/live-pump.js';
import type { FfmpegCapabilities } from '../video/ffmpeg/capabilities.js';
import type { FfmpegPrograms } from '../video/ffmpeg/locate.js';
import type { LiveFormat, LiveFrame, LiveSource } from '../video/live/live-frame.js';
import { PushedSource } from '../video/live/pushed-source.js';
import { assertStrength, conditionsOf } from './conditions.js';
import { GeneratorSwitch } from './generator-switch.js';
import { LiveMeters } from './live-meters.js';
import type { OutputSet } from './output-set.js';
import type { AccessUnit, LiveStream, LiveTracks, PushedUnit } from './pictures.js';
import type { LiveStatistics } from './statistics.js';
import { StatusKeeper } from './status-keeper.js';
import { StreamList, type StreamFormat } from './stream-list.js';
import { TrackSet } from './track-set.js';
import type { LiveStatus, LiveTranslation, LiveTranslationOptions } from './types.js';

/** What is there before anything is translated. */
export interface Prepared {
  readonly programs: FfmpegPrograms;
  readonly capabilities: FfmpegCapabilities;
  readonly model: ModelPackage;
  readonly outputs: OutputSet;
  readonly source: LiveSource;
}

/** A stream under way: the owner of its source, generator, encoders and outputs. */
export class Translation implements LiveTranslation {
  readonly #options: LiveTranslationOptions;
  readonly #source: LiveSource;
  readonly #outputs: OutputSet;
  readonly #pump: LivePump<LiveFrame>;
  readonly #switch: GeneratorSwitch;
  readonly #tracks: TrackSet;
  readonly #meters: LiveMeters;
  readonly #streams: StreamList;
  readonly #status: StatusKeeper;
  readonly #onAbort = () => void this.close();
  #format: LiveFormat | undefined;
  #strength: number;
  /** A gap in the source whose first picture hasn't come out yet. */
  #gap = false;
  #wanted: LiveTracks;
  #paused = false;
  /** The last generator that failed. */
  #failed: Generator | undefined;
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
      conditions: (frame) => conditionsOf(this.#switch.model, this.#strength, frame),
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
      onCodec: (track, codec) => this.#streams.announce(track, codec),
      onUnit: (unit, frame, milliseconds) => this.#deliver(unit, frame, milliseconds),
      onDrop: () => this.#meters.drop('encoder'),
    });
    this.#status = new StatusKeeper((status) => options.onStatus?.(status));
    this.#streams = new StreamList({
      format: () => this.#streamFormat(),
      isWanted: (track, codec) => this.#wanted[track]?.[codec] === true,
      onStream: (stream) => options.onStream?.(stream),
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get status(): LiveStatus {
    return this.#status.status;
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
    return this.#streams.all;
  }

  start(): void {
    this.#applyTracks();
    this.#options.onStatus?.(this.status);
    this.#source.start({
      onFormat: (format) => this.#begin(format),
      onFrame: (frame) => this.#take(frame),
      onStatus: (status) => this.#status.tell(status),
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
    this.#streams.announceAll();
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
    this.#status.close();
    this.#pump.close();
    // The switch may be loading for the source that waits for it.
    await Promise.all([this.#source.close(), this.#switch.close()]);
    await Promise.all([this.#tracks.close(), this.#outputs.close()]);
  }

  /** Pictures of a size come, or of another one. Where the model can't do that size, the source waits for another model. */
  async #begin(format: LiveFormat): Promise<void> {
    this.#pump.clear();
    this.#format = format;
    try {
      await this.#switch.resize(format.width, format.height);
    } catch (error) {
      if (error instanceof CanceledError) {
        throw error;
      }
      this.#status.tellError('failed', error);
      await this.#switch.available();
      this.#status.revive();
    }
    this.#tracks.resize(format);
    this.#streams.announceAll();
  }

  #take(frame: LiveFrame): void {
    const pool = this.#format?.pool;
    this.#meters.frameIn(frame.decodeMilliseconds);
    this.#gap ||= frame.discontinuity;
    if (pool === undefined || this.#closed !== undefined || this.#paused || this.#isUnwatched()) {
      pool?.release(frame.pixels.buffer);
      this.#pump.clear();
      return;
    }
    this.#pump.offer(frame, pool, !frame.discontinuity);
  }

  /** Whether nobody would see what is translated. */
  #isUnwatched(): boolean {
    return this.#tracks.isEmpty && this.#outputs.isEmpty;
  }

  #encode(translated: LiveFrame, original: LiveFrame, inferMilliseconds: number): void {
    const format = this.#format;
    if (translated.width !== format?.width || translated.height !== format.height) {
      return;
    }
    this.#meters.infer.add(inferMilliseconds);
    const discontinuity = this.#gap;
    this.#gap = false;
    this.#tracks.offer({ ...translated, discontinuity }, { ...original, discontinuity }, format.pool, (picture) =>
      this.#outputs.writePicture(picture),
    );
  }

  #deliver(unit: AccessUnit, frame?: LiveFrame, encodeMilliseconds = 0): void {
    if (unit.track === 'translated' && unit.codec === 'h264') {
      this.#meters.encode.add(encodeMilliseconds);
      this.#meters.frameOut(performance.now() - (frame?.arrived ?? performance.now()));
      this.#outputs.writeUnit(unit);
    }
    if (this.#wanted[unit.track]?.[unit.codec] === true) {
      this.#options.onAccessUnit(unit);
    }
  }

  /** Outputs are fed from the translated track, whoever watches. */
  #applyTracks(): void {
    const { translated } = this.#wanted;
    this.#tracks.want(
      this.#outputs.takesUnits ? { ...this.#wanted, translated: { ...translated, h264: true } } : this.#wanted,
    );
  }

  #streamFormat(): StreamFormat | undefined {
    const [format, generator] = [this.#format, this.#switch.generator];
    if (format === undefined || generator === undefined) {
      return undefined;
    }
    const { width, height, frameRate } = format;
    return { width, height, frameRate, provider: generator.provider, model: this.model };
  }

  /** A generator that fails (its worker crashed) gets a successor. */
  async #recover(failed: Generator, error: Error): Promise<void> {
    // Each of its sessions tells of its own end.
    if (this.#failed === failed) {
      return;
    }
    this.#failed = failed;
    const before = this.status;
    const told = this.#status.tellError('reconnecting', error);
    await this.#switch.restore(failed);
    // Unless something else has come to pass with the source meanwhile.
    if (this.status === told) {
      this.#status.tell(before);
    }
  }
}

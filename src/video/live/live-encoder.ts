import { CanceledError } from '../../errors/errors.js';
import type { RgbPixels } from '../../frame/frame.js';
import type { FfmpegCapabilities } from '../ffmpeg/capabilities.js';
import { outputFailure } from '../ffmpeg/failure.js';
import { FfmpegProcess } from '../ffmpeg/process.js';
import { NutReader } from '../nut/reader.js';
import { nutFrameHeader, nutHeader } from '../nut/writer.js';
import { liveEncodeArguments, ticksPerSecond, type LiveEncoding } from './encode-arguments.js';

/** Pictures that may be inside the encoder: one being encoded, the next on its way. */
const mostUnderWay = 2;
/** Microseconds from one key frame to the next: so long a viewer that lost its place stands still at most. */
const keyFrameInterval = 1_000_000;
const microsecondTicks = ticksPerSecond / 1_000_000;

/** A picture that has been encoded. */
export interface EncodedUnit {
  /** Annex B access unit. */
  readonly data: Uint8Array;
  /** Whether it can be decoded without those before it. */
  readonly key: boolean;
  /** The picture's own, exactly. */
  readonly timestampMicroseconds: number;
  /** From taking the picture to having its unit. */
  readonly encodeMilliseconds: number;
}

/** What a {@link LiveEncoder} works with. */
export interface LiveEncoderOptions extends LiveEncoding {
  /** Path of ffmpeg. */
  readonly program: string;
  /** What it can do. */
  readonly capabilities: FfmpegCapabilities;
  /** Given each unit, in order. */
  onUnit(unit: EncodedUnit): void;
  /** Called whenever there is room again. */
  onRoom(): void;
  /** Told when it ended by itself; it takes nothing any more. */
  onFailure(error: Error): void;
}

/** One ffmpeg that makes H.264 of pictures, each at once. */
export class LiveEncoder implements AsyncDisposable {
  readonly #options: LiveEncoderOptions;
  readonly #process: FfmpegProcess;
  /** When each picture that is inside was taken, by its timestamp. */
  readonly #underWay = new Map<number, number>();
  #lastKey = -Infinity;
  #keyWanted = false;
  #closed = false;
  readonly #reading: Promise<void>;

  constructor(options: LiveEncoderOptions) {
    this.#options = options;
    const { program, capabilities, width, height, frameRate } = options;
    this.#process = new FfmpegProcess(program, liveEncodeArguments(options, capabilities));
    this.#process.stdin.write(
      nutHeader({
        ...{ width, height, sampleAspectRatio: undefined },
        timeBase: { numerator: 1, denominator: ticksPerSecond },
        frameRate: frameRate === undefined ? undefined : { numerator: Math.round(frameRate * 1000), denominator: 1000 },
      }),
    );
    this.#reading = this.#read();
  }

  /** Whether a picture is welcome. */
  get hasRoom(): boolean {
    return !this.#closed && this.#underWay.size < mostUnderWay;
  }

  /** Makes the next picture a key frame. */
  requestKeyFrame(): void {
    this.#keyWanted = true;
  }

  /**
   * Takes a picture; resolves when its pixels are no longer needed.
   *
   * @param timestampMicroseconds - Later than the one before.
   */
  async write(pixels: RgbPixels, timestampMicroseconds: number): Promise<void> {
    if (this.#closed) {
      return;
    }
    const key = this.#keyWanted || timestampMicroseconds - this.#lastKey >= keyFrameInterval;
    // The first picture is a key frame anyway. Some versions of ffmpeg count time from it, so its lowest bit must be 0.
    const mark = key && this.#lastKey !== -Infinity ? 1 : 0;
    if (key) {
      this.#lastKey = timestampMicroseconds;
      this.#keyWanted = false;
    }
    this.#underWay.set(timestampMicroseconds, performance.now());
    const { stdin } = this.#process;
    stdin.cork();
    stdin.write(nutFrameHeader(timestampMicroseconds * microsecondTicks + mark, pixels.byteLength));
    // A process that ended breaks its pipe: its exit says why.
    const written = new Promise<void>((resolve) => stdin.write(pixels, () => resolve()));
    stdin.uncork();
    await written;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process.close();
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #read(): Promise<void> {
    const failure = await this.#readUnits().catch((error: unknown) => error);
    const exit = await this.#process.exit;
    if (!this.#closed) {
      this.#closed = true;
      const cause = failure instanceof Error && exit.code === 0 ? failure : outputFailure(exit, 'the live stream');
      this.#options.onFailure(cause);
    }
  }

  async #readUnits(): Promise<void> {
    const reader = new NutReader(this.#process.stdout);
    const header = await reader.readHeader();
    if (header === undefined) {
      return;
    }
    const { numerator, denominator } = header.timeBase;
    for (let packet = await reader.readPacket(); packet !== undefined; packet = await reader.readPacket()) {
      const ticks = Math.round((packet.timestamp * numerator * ticksPerSecond) / denominator);
      const timestampMicroseconds = Math.floor(ticks / microsecondTicks);
      const taken = this.#underWay.get(timestampMicroseconds);
      this.#settle(timestampMicroseconds);
      if (this.#closed) {
        throw new CanceledError();
      }
      this.#options.onUnit({
        data: packet.data,
        key: packet.key,
        timestampMicroseconds,
        encodeMilliseconds: performance.now() - (taken ?? performance.now()),
      });
      this.#options.onRoom();
    }
  }

  /** Forgets a picture that has come out, and any before it that never will. */
  #settle(timestampMicroseconds: number): void {
    for (const timestamp of this.#underWay.keys()) {
      if (timestamp <= timestampMicroseconds) {
        this.#underWay.delete(timestamp);
      }
    }
  }
}

import type { Writable } from 'node:stream';

import { CanceledError, InputError } from '../../errors/errors.js';
import { FramePool } from '../../frame/frame-pool.js';
import { rgbByteLength, type RgbPixels } from '../../frame/frame.js';
import { ffmpegArguments } from '../ffmpeg/arguments.js';
import type { FfmpegCapabilities } from '../ffmpeg/capabilities.js';
import { inputFailure } from '../ffmpeg/failure.js';
import { createFramePipe, type FramePipe } from '../ffmpeg/frame-pipe.js';
import { FfmpegProcess } from '../ffmpeg/process.js';
import type { ByteInput } from '../nut/byte-reader.js';
import { NutReader, type NutVideoHeader } from '../nut/reader.js';
import { assertSensibleSize } from '../size.js';

/** What a {@link FrameDecoder} reads, and how. */
export interface FrameDecoderOptions {
  /** Path of ffmpeg. */
  readonly program: string;
  /** What it can do. */
  readonly capabilities: FfmpegCapabilities;
  /** What goes after `-i`. */
  readonly url: string;
  /** What goes before it. */
  readonly options: readonly string[];
  /** The stream to read, as `-map` takes it. */
  readonly map: string;
  /** What makes pictures of the working size. */
  readonly filters: string;
  /** What the user calls it. */
  readonly name: string;
  /** Longest wait for the first picture, milliseconds. */
  readonly openTimeout: number;
  /** Longest wait for each further one. */
  readonly stallTimeout: number;
}

/** A picture as it was decoded. */
export interface DecodedFrame {
  readonly timestampMicroseconds: number;
  readonly pixels: RgbPixels;
}

/** One ffmpeg that decodes a live stream. What it reads doesn't wait: whoever holds it reads on all the time. */
export class FrameDecoder implements AsyncDisposable {
  readonly #options: FrameDecoderOptions;
  readonly #process: FfmpegProcess;
  readonly #pipe: FramePipe;
  #bytes: ByteInput | undefined;
  #reader: NutReader | undefined;
  #header: NutVideoHeader | undefined;
  #pool: FramePool | undefined;
  #timedOut = false;

  /** Starts ffmpeg; {@link FrameDecoder.start} waits for it. */
  static async spawn(options: FrameDecoderOptions): Promise<FrameDecoder> {
    return new FrameDecoder(options, await createFramePipe());
  }

  private constructor(options: FrameDecoderOptions, pipe: FramePipe) {
    this.#options = options;
    this.#pipe = pipe;
    this.#process = new FfmpegProcess(options.program, decodeArguments(options, pipe));
  }

  /** What ffmpeg reads, where its input is `pipe:0`. */
  get stdin(): Writable {
    return this.#process.stdin;
  }

  /**
   * Waits for the first picture, so that its size is known.
   *
   * @param pool - Buffers to go on with, where they fit.
   * @throws InputError or FfmpegError when there is none.
   */
  async start(pool?: { readonly width: number; readonly height: number; readonly pool: FramePool }) {
    const header = await this.#within(this.#options.openTimeout, async () => {
      this.#bytes = await this.#pipe.open(this.#process);
      this.#reader = new NutReader(this.#bytes);
      return this.#reader.readHeader();
    });
    if (header === undefined) {
      throw new InputError('input-not-video', `"${this.#options.name}" ended before its first picture.`);
    }
    assertSensibleSize(header, this.#options.name);
    this.#header = header;
    const { width, height } = header;
    const fits = pool?.width === width && pool.height === height;
    this.#pool = fits ? pool.pool : new FramePool(rgbByteLength(width, height));
    return { width, height, pool: this.#pool };
  }

  /**
   * The next picture; undefined when the stream ended.
   *
   * @throws InputError or FfmpegError when it broke off or stands still, CanceledError when it was closed.
   */
  async read(): Promise<DecodedFrame | undefined> {
    const [reader, header, pool] = [this.#reader, this.#header, this.#pool];
    if (reader === undefined || header === undefined || pool === undefined) {
      throw new CanceledError('The decoder was not started.');
    }
    const frame = await this.#within(this.#options.stallTimeout, () => reader.readFrame(() => pool.acquire()));
    if (frame === undefined) {
      return undefined;
    }
    const { numerator, denominator } = header.timeBase;
    return {
      timestampMicroseconds: Math.round((frame.timestamp * numerator * 1_000_000) / denominator),
      pixels: frame.pixels,
    };
  }

  async close(): Promise<void> {
    this.#bytes?.close();
    await this.#process.close();
    await this.#pipe.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Runs a step of reading; one that takes too long is ended, and one that comes to nothing is looked into. */
  async #within<T>(milliseconds: number, step: () => Promise<T | undefined>): Promise<T | undefined> {
    const timer = setTimeout(() => {
      this.#timedOut = true;
      void this.close();
    }, milliseconds);
    const result = await step().catch((error: unknown) => error);
    clearTimeout(timer);
    if (result !== undefined && !(result instanceof Error)) {
      return result as T;
    }
    if (result !== undefined && !this.#timedOut) {
      // What it said makes no sense, or it was cut off in the middle: it is of no more use.
      this.#bytes?.close();
    }
    const exit = await this.#process.exit;
    if (this.#timedOut) {
      throw new InputError(
        'input-unreadable',
        `"${this.#options.name}" sent no picture for ${Math.round(milliseconds / 1000)} seconds.`,
        { remedy: 'Check that it is on, and that this machine may reach it.' },
      );
    }
    if (exit.stopped) {
      throw new CanceledError('The source was closed while it was being read.');
    }
    if (exit.code !== 0) {
      throw inputFailure(exit, this.#options.name);
    }
    if (result !== undefined) {
      throw result;
    }
    return undefined;
  }
}

function decodeArguments(options: FrameDecoderOptions, pipe: FramePipe): string[] {
  return ffmpegArguments((command) =>
    command
      .input(options.url)
      .inputOptions(...options.options)
      .output(pipe.url)
      .outputOptions(
        ...['-map', options.map, '-vf', options.filters],
        ...['-map_chapters', '-1', '-map_metadata', '-1'],
        ...[...options.capabilities.passTimestampsThrough, '-enc_time_base', '-1'],
        // More threads would hold a picture each, even here.
        ...['-c:v', 'rawvideo', '-threads', '1', '-pix_fmt', 'rgb24', '-flush_packets', '1', '-f', 'nut'],
        ...pipe.options,
      ),
  );
}

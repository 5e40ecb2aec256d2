import { CanceledError, InputError, throwIfCanceled } from '../errors/errors.js';
import { FramePool } from '../frame/frame-pool.js';
import { rgbByteLength, type Frame, type FrameSource, type VideoFormat } from '../frame/frame.js';
import { planColour, type ColourPlan } from './colour.js';
import { decodeArguments, decodeFilters, rangeOptions } from './decode-arguments.js';
import { locateInput, type InputLocation } from './ffmpeg/allow-list.js';
import { probeCapabilities, type FfmpegCapabilities } from './ffmpeg/capabilities.js';
import { inputFailure } from './ffmpeg/failure.js';
import { createFramePipe, type FramePipe } from './ffmpeg/frame-pipe.js';
import { locateFfmpeg, type FfmpegPrograms } from './ffmpeg/locate.js';
import { FfmpegProcess } from './ffmpeg/process.js';
import { findMissingEnd } from './missing-end.js';
import type { ByteInput } from './nut/byte-reader.js';
import { NutError } from './nut/packet-reader.js';
import { NutReader } from './nut/reader.js';
import { probe, type MediaInfo } from './probe.js';
import { assertSensibleSize, scaledSize, workingSizeOf, type Size } from './size.js';

/**
 * Options of {@link openSource}.
 *
 * @group Reading and writing video
 */
export interface SourceOptions {
  /** Size of the frames: `'source'` (default), `'1280x720'` or `'720p'`; the aspect is kept. */
  readonly size?: string | undefined;
  /**
   * Greatest length of the frames' short side, pixels: a larger picture is scaled down to it, its aspect kept, and a sink
   * made for this source scales what it writes back up. Default: any.
   */
  readonly workingSize?: number | undefined;
  /** Where to start, seconds. Default 0. */
  readonly start?: number | undefined;
  /** How much to read, seconds. Default: all. */
  readonly duration?: number | undefined;
  /** Frames a second of an image sequence. Default 25. */
  readonly frameRate?: number | undefined;
  /** Width and height of the frames are made multiples of this by repeating the last column and row. Default 2. */
  readonly sizeMultiple?: number | undefined;
  /** Path of the ffmpeg to use. */
  readonly ffmpeg?: string | undefined;
  /** Stops reading; what was under way rejects with {@link CanceledError}. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The frames of a video file, URL or image sequence, with what is known of it.
 *
 * @group Reading and writing video
 */
export interface VideoSource extends FrameSource {
  /** What is in the input. */
  readonly media: MediaInfo;
  /** Part of each frame that is picture, from its top left corner; the rest repeats its last column and row. */
  readonly visible: Size;
  /** Size of a video made of the frames; larger than {@link VideoSource.visible} where there is a working size. */
  readonly outputSize: Size;
  /** Seconds from the input's start (or from {@link SourceOptions.start}) to its first frame. */
  readonly firstFrameSeconds: number;
  /** @internal How the input was opened. */
  readonly location: InputLocation;
  /** @internal How its colours were made RGB, and what undoes it. */
  readonly colour: ColourPlan;
  /** Buffers of the frames' size; pixels that are no longer needed go back here. */
  readonly pool: FramePool;
  /** What ffmpeg said while reading that means that the input's end is missing; undefined if nothing. */
  readonly truncation: string | undefined;
  /** Things the user should know. */
  readonly notices: readonly string[];
}

/** What ffmpeg prints when a file ends before its time, but after some frames. */
const truncationSigns =
  /partial file|stream ended prematurely|File ended prematurely|Truncat|truncated|overread end of atom|error reading .*header/i;

/**
 * Opens a video for reading, frame by frame: rotated upright, deinterlaced, as 8-bit RGB with exact timestamps.
 *
 * @param input - Path, URL or image sequence (`frames/%05d.png`).
 * @throws InputError when it can't be read as a video.
 * @throws FfmpegError when ffmpeg is missing or fails.
 * @throws CanceledError when the signal aborts it.
 */
export async function openSource(input: string, options: SourceOptions = {}): Promise<VideoSource> {
  throwIfCanceled(options.signal);
  // Found out before anything is opened that would have to be closed.
  rangeOptions(options);
  const programs = await locateFfmpeg(options.ffmpeg);
  const location = await locateInput(input, options.frameRate ?? 25);
  const [capabilities, media] = await Promise.all([
    probeCapabilities(programs.ffmpeg),
    probe(programs, location, input, options.signal),
  ]);
  throwIfCanceled(options.signal);
  assertSensibleSize(media.video, input);
  assertSensibleSize(scaledSize(options.size ?? 'source', media.video) ?? media.video, input);
  const pipe = await createFramePipe();
  const source = new FfmpegSource(input, options, programs, capabilities, location, media, pipe);
  try {
    await source.start();
  } catch (error) {
    await source.close();
    throw error;
  }
  return source;
}

class FfmpegSource implements VideoSource {
  readonly media: MediaInfo;
  readonly location: InputLocation;
  readonly colour: ColourPlan;
  readonly notices: readonly string[];
  readonly visible: Size;
  readonly outputSize: Size;
  format!: VideoFormat;
  pool!: FramePool;
  firstFrameSeconds = 0;
  truncation: string | undefined;
  readonly #input: string;
  readonly #process: FfmpegProcess;
  readonly #pipe: FramePipe;
  #bytes: ByteInput | undefined;
  #reader!: NutReader;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.close();
  #first: Frame | undefined;
  #firstTimestamp = 0;
  #index = 0;

  constructor(
    input: string,
    options: SourceOptions,
    programs: FfmpegPrograms,
    capabilities: FfmpegCapabilities,
    location: InputLocation,
    media: MediaInfo,
    pipe: FramePipe,
  ) {
    this.#pipe = pipe;
    this.#input = input;
    this.media = media;
    this.location = location;
    this.colour = planColour(media.video, capabilities);
    const { width, height } = scaledSize(options.size ?? 'source', media.video) ?? media.video;
    this.outputSize = { width, height };
    this.visible = workingSizeOf(this.outputSize, options.workingSize);
    this.notices = [...noticesAbout(this.colour, media), ...noticesAboutSize(this.visible, this.outputSize)];
    const filters = decodeFilters(media, this.colour, this.visible, options.sizeMultiple ?? 2);
    this.#process = new FfmpegProcess(
      programs.ffmpeg,
      decodeArguments(location, media, options, filters, capabilities, pipe),
      truncationSigns,
    );
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Reads up to the first frame, so that size and timing are known, and a file without frames is found out. */
  async start(): Promise<void> {
    this.#bytes = await this.#pipe.open(this.#process);
    this.#reader = new NutReader(this.#bytes);
    const header = await this.#guard(() => this.#reader.readHeader());
    if (header !== undefined) {
      const frameRate = this.media.video.frameRate;
      this.format = { ...header, frameRate };
      this.pool = new FramePool(rgbByteLength(header.width, header.height));
      this.#first = await this.#next();
    }
    if (header === undefined || this.#first === undefined) {
      throw new InputError('input-not-video', `"${this.#input}" has a video stream but no frames.`, {
        remedy: 'The file may be cut off, or --start lies behind its end.',
      });
    }
    this.#firstTimestamp = this.#first.timestamp;
    this.firstFrameSeconds = (this.#firstTimestamp * header.timeBase.numerator) / header.timeBase.denominator;
  }

  async read(): Promise<Frame | undefined> {
    const frame = this.#first ?? (await this.#next());
    this.#first = undefined;
    return frame === undefined ? undefined : { ...frame, timestamp: frame.timestamp - this.#firstTimestamp };
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#bytes?.close();
    await this.#process.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #next(): Promise<Frame | undefined> {
    const read = await this.#guard(() => this.#reader.readFrame(() => this.pool.acquire()));
    if (read === undefined) {
      return undefined;
    }
    const frame = { ...read, index: this.#index, width: this.format.width, height: this.format.height };
    this.#index += 1;
    return frame;
  }

  /** Runs a step of reading; a stream that ended is looked into, since its process knows why. */
  async #guard<T>(step: () => Promise<T | undefined>): Promise<T | undefined> {
    let result: T | undefined;
    let broken: Error | undefined;
    try {
      result = await step();
    } catch (error) {
      broken = error as Error;
    }
    if (result !== undefined) {
      return result;
    }
    if (broken instanceof NutError) {
      await this.close();
      throw broken;
    }
    const exit = await this.#process.exit;
    throwIfCanceled(this.#signal);
    if (exit.stopped) {
      throw new CanceledError('The source was closed while it was being read.');
    }
    if (exit.code !== 0) {
      throw inputFailure(exit, this.#input);
    }
    if (broken !== undefined) {
      throw broken;
    }
    this.truncation = exit.noticed ?? (await this.#missingEnd());
    return undefined;
  }

  /** Some files state their length, and yet ffmpeg may read one that is shorter without a word. */
  async #missingEnd(): Promise<string | undefined> {
    const { kind, url } = this.location;
    return kind === 'file' ? findMissingEnd(url.slice('file:'.length)) : undefined;
  }
}

function noticesAbout(colour: ColourPlan, media: MediaInfo): string[] {
  return [
    ...(colour.notice === undefined ? [] : [colour.notice]),
    ...(media.video.interlaced ? ['The input is interlaced: it is deinterlaced.'] : []),
  ];
}

function noticesAboutSize(working: Size, output: Size): string[] {
  return working.width === output.width && working.height === output.height
    ? []
    : [
        `The network works at ${working.width}x${working.height}; its result is scaled back to ${output.width}x${output.height}.`,
      ];
}

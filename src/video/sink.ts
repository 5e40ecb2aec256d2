import type { Writable } from 'node:stream';

import { CanceledError, FfmpegError, OutputError, throwIfCanceled, UsageError } from '../errors/errors.js';
import type { Frame, FrameSink, VideoFormat } from '../frame/frame.js';
import { containerFor, type Container } from './containers.js';
import { encodeArguments, writtenSize, type SinkPlan } from './encode-arguments.js';
import { planEncoder } from './encoders.js';
import { probeCapabilities, type FfmpegCapabilities } from './ffmpeg/capabilities.js';
import { outputFailure } from './ffmpeg/failure.js';
import { locateFfmpeg } from './ffmpeg/locate.js';
import { FfmpegProcess } from './ffmpeg/process.js';
import { nutFrameHeader, nutHeader } from './nut/writer.js';
import { prepareOutput, type OutputTarget } from './output-target.js';
import { planSideStreams, type SideStreamPlan } from './side-streams.js';
import type { Size } from './size.js';
import type { VideoSource } from './source.js';

/** How the input stands beside its translation. */
export type CompareLayout = 'side-by-side' | 'split';

/**
 * Options of {@link openSink}.
 *
 * @group Reading and writing video
 */
export interface SinkOptions {
  /** Container, as ffmpeg calls it. Default: told by the output's name; `'matroska'` for `-`. */
  readonly format?: string | undefined;
  /** Video encoder. Default: the container's. */
  readonly codec?: string | undefined;
  /** Constant quality. Default: the encoder's. */
  readonly crf?: number | undefined;
  /** Encoder preset. Default: a quick one for x264, x265, VP9 and AV1, else the encoder's own. */
  readonly preset?: string | undefined;
  /** Whether a file that is there may be replaced. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Frames come with their original, which is put beside them. Default: alone. */
  readonly compare?: CompareLayout | undefined;
  /** Where the source started, seconds, so that its sound starts there too. */
  readonly start?: number | undefined;
  /** How much of the source is read, seconds. */
  readonly duration?: number | undefined;
  /** Path of the ffmpeg to use. */
  readonly ffmpeg?: string | undefined;
  /** Where `-` goes. Default: this process's standard output. */
  readonly stdout?: Writable | undefined;
  /** Stops writing; what isn't complete is removed. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A video that frames are written into.
 *
 * @group Reading and writing video
 */
export interface VideoSink extends FrameSink {
  /** Takes a frame and, when comparing, its original; resolves when the pixels of both are no longer needed. */
  write(frame: Frame, original?: Frame): Promise<void>;
  /** Size of the pictures it writes; of one of them when comparing. */
  readonly size: Size;
  /** What is not copied bit for bit from the original, in words. */
  readonly notices: readonly string[];
}

/**
 * Opens a video for writing that has all of `source` but its picture: sound, subtitles, chapters, tags, timing, colours.
 * The output appears under its name when {@link FrameSink.finish} resolves, not before.
 *
 * @param output - Path, image sequence (`frames/%05d.png`), URL, or `-` for standard output.
 * @param source - What the frames are of.
 * @throws UsageError, OutputError or FfmpegError when it can't be written.
 */
export async function openSink(output: string, source: VideoSource, options: SinkOptions = {}): Promise<VideoSink> {
  throwIfCanceled(options.signal);
  const container = containerFor(output, options.format);
  const programs = await locateFfmpeg(options.ffmpeg);
  const capabilities = await probeCapabilities(programs.ffmpeg);
  if (!capabilities.muxers.has(container.muxer)) {
    throw new UsageError(`This ffmpeg writes no container "${container.muxer}".`, {
      remedy: 'Containers are called what ffmpeg calls them, as "ffmpeg -muxers" lists them.',
    });
  }
  const encoder = planEncoder(options.codec ?? container.videoCodec, options, capabilities);
  const sideStreams = planOriginal(source, container, capabilities, options);
  const target = await prepareOutput(output, container, options.overwrite ?? false);
  const plan = { source, options, container, encoder, sideStreams, capabilities };
  return new FfmpegSink(output, programs.ffmpeg, encodeArguments(target.url, plan), target, plan);
}

/** What is taken from the original beside its picture: nothing of pictures, and of what can't be opened a second time. */
function planOriginal(
  source: VideoSource,
  container: Container,
  capabilities: FfmpegCapabilities,
  options: SinkOptions,
): SideStreamPlan {
  const { kind, url } = source.location;
  const nothing = { options: [], needsOriginal: false, notices: [] };
  if (kind === 'sequence') {
    return nothing;
  }
  if (kind === 'network' && !/^(https?|s?ftp):/i.test(url)) {
    const notices = source.media.sideStreams.some((stream) => stream.kind === 'audio')
      ? ['The sound is left out: a live address is opened once, for its picture.']
      : [];
    return { ...nothing, notices };
  }
  return planSideStreams(source.media, container, capabilities, (options.start ?? 0) > 0);
}

/** What ffmpeg prints when the end of a file could not be stored, and yet exits with 0. */
const lossSigns = /Error writing trailer|Error closing file|No space left on device|Disk quota exceeded/;

class FfmpegSink implements VideoSink {
  readonly size: Size;
  readonly notices: readonly string[];
  readonly #output: string;
  readonly #process: FfmpegProcess;
  readonly #target: OutputTarget;
  readonly #signal: AbortSignal | undefined;
  // What can't be removed now is tried again, and told, by whoever closes the sink.
  readonly #onAbort = () => void this.close().catch(() => undefined);
  readonly #comparing: boolean;
  readonly #piped: Promise<void>;
  #framesTaken = 0;
  #readerLeft = false;
  #committed = false;

  constructor(output: string, ffmpeg: string, ffmpegOptions: readonly string[], target: OutputTarget, plan: SinkPlan) {
    this.#output = output;
    this.#target = target;
    this.#comparing = plan.options.compare !== undefined;
    this.size = writtenSize(plan);
    this.notices = [...noticesAboutSize(plan.source.outputSize, this.size), ...plan.sideStreams.notices];
    this.#process = new FfmpegProcess(ffmpeg, ffmpegOptions, lossSigns);
    this.#signal = plan.options.signal;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal?.aborted) {
      this.#onAbort();
    }
    this.#piped = output === '-' ? this.#pipeTo(plan.options.stdout ?? process.stdout) : Promise.resolve();
    this.#process.stdin.write(nutHeader(pipedFormat(plan.source.format, this.#comparing)));
  }

  async write(frame: Frame, original?: Frame): Promise<void> {
    const { stdin } = this.#process;
    const pictures = this.#comparing && original !== undefined ? [original.pixels, frame.pixels] : [frame.pixels];
    const byteLength = pictures.reduce((sum, pixels) => sum + pixels.byteLength, 0);
    this.#framesTaken += 1;
    stdin.cork();
    stdin.write(nutFrameHeader(frame.timestamp, byteLength));
    const written = pictures.map((pixels) => writeAll(stdin, pixels));
    stdin.uncork();
    if (!(await Promise.all(written)).every((complete) => complete)) {
      await this.#fail();
    }
  }

  async finish(): Promise<void> {
    this.#process.stdin.end();
    const exit = await this.#process.exit;
    if (exit.code !== 0 || exit.noticed !== undefined) {
      await this.#fail();
    }
    await this.#piped;
    throwIfCanceled(this.#signal);
    if (exit.framesWritten !== this.#framesTaken) {
      throw new FfmpegError(
        'ffmpeg-failed',
        `ffmpeg wrote ${String(exit.framesWritten)} of ${this.#framesTaken} frames to "${this.#output}".`,
        { stderrTail: exit.stderrTail },
      );
    }
    await this.#target.commit();
    this.#committed = true;
    await this.close();
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    await this.#process.close();
    if (!this.#committed) {
      await this.#target.discard();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Says why ffmpeg takes no more. */
  async #fail(): Promise<never> {
    const exit = await this.#process.exit;
    await this.close();
    throwIfCanceled(this.#signal);
    if (this.#readerLeft) {
      throw new OutputError('output-unwritable', 'Standard output was closed before the video ended.');
    }
    throw exit.stopped
      ? new CanceledError('The sink was closed while it was written to.')
      : outputFailure(exit, this.#output);
  }

  /** Hands on what ffmpeg writes to its standard output; when nobody reads it any more, the work is over. */
  async #pipeTo(stdout: Writable): Promise<void> {
    const { stdout: product } = this.#process;
    const leave = () => {
      this.#readerLeft = true;
      product.destroy();
    };
    stdout.once('error', leave);
    await new Promise<void>((resolve) => {
      product.once('close', resolve);
      product.pipe(stdout, { end: false });
    });
    if (!this.#readerLeft) {
      // Resolves when all before it has been taken.
      await new Promise<void>((resolve) => stdout.write('', () => resolve()));
    }
    stdout.off('error', leave);
  }
}

function writeAll(stream: Writable, pixels: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    stream.write(pixels, (error) => resolve(error === null || error === undefined));
  });
}

function noticesAboutSize(picture: Size, written: Size): string[] {
  return picture.width === written.width && picture.height === written.height
    ? []
    : [`The picture's ${picture.width}x${picture.height} is odd: it is cropped to ${written.width}x${written.height}.`];
}

/** Format of the pictures in the pipe: a pair of them is one picture, the original above its translation. */
function pipedFormat(format: VideoFormat, comparing: boolean): VideoFormat {
  return comparing ? { ...format, height: format.height * 2 } : format;
}

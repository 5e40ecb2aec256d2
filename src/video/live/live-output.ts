import type { Writable } from 'node:stream';

import { UsageError } from '../../errors/errors.js';
import { containerFor, type Container } from '../containers.js';
import { isUrl } from '../ffmpeg/allow-list.js';
import { ffmpegArguments } from '../ffmpeg/arguments.js';
import { outputFailure } from '../ffmpeg/failure.js';
import { FfmpegProcess } from '../ffmpeg/process.js';
import { h264Tag, rgb24Tag } from '../nut/syntax.js';
import { nutFrameHeader, nutHeader } from '../nut/writer.js';
import { assertMayWrite, prepareOutput, type OutputTarget } from '../output-target.js';
import { parameterSets } from './codec-string.js';

/** A picture for an output: an access unit, or raw RGB where {@link LiveOutput.takes} says so. */
export interface OutputPicture {
  readonly data: Uint8Array;
  readonly key: boolean;
  readonly timestampMicroseconds: number;
  readonly width: number;
  readonly height: number;
}

/** What a {@link LiveOutput} works with. */
export interface LiveOutputOptions {
  /** File, address or device. */
  readonly output: string;
  /** Path of ffmpeg. */
  readonly program: string;
  /** Whether a file that is there may be replaced. */
  readonly overwrite: boolean;
  /** Told what the user should know: that it broke off, works again, or is over. */
  onNotice(notice: string): void;
}

const copyable = new Set(['mp4', 'mov', 'matroska', 'mpegts', 'flv', 'hls', 'rtsp', 'rtp_mpegts']);
/** Bytes that may wait for an output; one that is further behind skips to the next key frame. */
const mostWaiting = 8 * 2 ** 20;
/** Longest wait for an output to store its end, milliseconds. */
const finishTimeout = 10_000;
/** Waits before an output is opened again, milliseconds; the last one goes on. */
const retryDelays = [1000, 2000, 5000, 10_000] as const;
const timeBase = { numerator: 1, denominator: 1_000_000 };

type Plan = { readonly kind: 'device' } | { readonly kind: 'file' | 'stream'; readonly container: Container };

/**
 * Where else a live stream goes: a file or an address gets the units that the viewers get, a virtual camera
 * (https://github.com/umlaeute/v4l2loopback) raw pictures. Whatever becomes of it, the stream goes on.
 */
export class LiveOutput implements AsyncDisposable {
  /** What it is written from. */
  readonly takes: 'h264' | 'raw';
  readonly #options: LiveOutputOptions;
  readonly #plan: Plan;
  #run: OutputRun | undefined;
  #opening: Promise<void> | undefined;
  #failures = 0;
  #notBefore = 0;
  #over = false;

  /**
   * Checks that it can be written.
   *
   * @throws UsageError for a container that takes no H.264, OutputError for a place that can't be written.
   */
  static async prepare(options: LiveOutputOptions): Promise<LiveOutput> {
    const plan = planOutput(options.output);
    if (plan.kind === 'file') {
      await assertMayWrite(options.output, plan.container, options.overwrite);
    }
    return new LiveOutput(options, plan);
  }

  private constructor(options: LiveOutputOptions, plan: Plan) {
    this.#options = options;
    this.#plan = plan;
    this.takes = plan.kind === 'device' ? 'raw' : 'h264';
  }

  /** Takes a picture; `done` is called when its bytes are no longer needed. Never waits. */
  write(picture: OutputPicture, done: () => void = () => undefined): void {
    const run = this.#run;
    if (this.#over || this.#opening !== undefined || (run === undefined && !this.#mayBegin(picture))) {
      done();
      return;
    }
    if (run === undefined) {
      this.#opening = this.#open(picture).finally(() => {
        this.#opening = undefined;
        done();
      });
      return;
    }
    if (!run.fits(picture)) {
      this.#leave('the size of the picture has changed');
      done();
      return;
    }
    run.write(picture, done);
  }

  /** Finishes it: a file gets its name. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#opening;
    await this.#run?.finish();
    this.#run = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #mayBegin(picture: OutputPicture): boolean {
    return picture.key && performance.now() >= this.#notBefore;
  }

  async #open(first: OutputPicture): Promise<void> {
    const { output, program, overwrite } = this.#options;
    try {
      const target =
        this.#plan.kind === 'file' ? await prepareOutput(output, this.#plan.container, overwrite) : undefined;
      const url = this.#plan.kind === 'device' ? output : (target?.url ?? liveUrl(output));
      const process = new FfmpegProcess(program, outputArguments(url, this.#plan));
      const run = new OutputRun(process, target, first, this.takes, output);
      this.#run = run;
      void run.ended.then((failure) => this.#lost(run, failure));
      if (this.#failures > 0) {
        this.#options.onNotice(`"${output}" is written again.`);
      }
      run.write(first, () => undefined);
    } catch (error) {
      this.#over = true;
      this.#options.onNotice(error instanceof Error ? error.message : String(error));
    }
  }

  /** What follows doesn't fit: a file ends here, anything else is opened anew. */
  #leave(why: string): void {
    const run = this.#run;
    this.#run = undefined;
    this.#over = this.#plan.kind === 'file';
    this.#options.onNotice(`"${this.#options.output}" ${this.#over ? 'is finished' : 'is opened anew'}: ${why}.`);
    void run?.finish();
  }

  #lost(run: OutputRun, failure: Error | undefined): void {
    if (this.#run !== run || this.#over) {
      return;
    }
    this.#run = undefined;
    this.#over = this.#plan.kind === 'file';
    this.#notBefore = performance.now() + (retryDelays[Math.min(this.#failures, retryDelays.length - 1)] ?? 0);
    this.#failures += 1;
    const why = failure?.message ?? `"${this.#options.output}" ended.`;
    this.#options.onNotice(this.#over ? why : `${why} It is tried again.`);
  }
}

/** One ffmpeg that writes an output, from one key frame on. */
class OutputRun {
  /** Resolves when it has ended by itself, with why. */
  readonly ended: Promise<Error | undefined>;
  readonly #process: FfmpegProcess;
  readonly #target: OutputTarget | undefined;
  readonly #first: OutputPicture;
  #skipping = false;
  #finished: Promise<void> | undefined;

  constructor(
    process: FfmpegProcess,
    target: OutputTarget | undefined,
    first: OutputPicture,
    takes: 'h264' | 'raw',
    output: string,
  ) {
    this.#process = process;
    this.#target = target;
    this.#first = first;
    const { width, height } = first;
    const codec =
      takes === 'raw'
        ? { tag: rgb24Tag, setup: new Uint8Array(0) }
        : { tag: h264Tag, setup: parameterSets(first.data) };
    process.stdin.write(
      nutHeader({ width, height, timeBase, frameRate: undefined, sampleAspectRatio: undefined }, codec),
    );
    this.ended = process.exit.then(async (exit) => {
      if (this.#finished === undefined) {
        await target?.discard();
      }
      return exit.code === 0 ? undefined : outputFailure(exit, output);
    });
  }

  fits({ width, height }: OutputPicture): boolean {
    return width === this.#first.width && height === this.#first.height;
  }

  write({ data, key, timestampMicroseconds }: OutputPicture, done: () => void): void {
    const { stdin } = this.#process;
    this.#skipping = stdin.writableLength > mostWaiting || (this.#skipping && !key);
    const timestamp = timestampMicroseconds - this.#first.timestampMicroseconds;
    if (this.#skipping || timestamp < 0) {
      done();
      return;
    }
    writeBoth(stdin, nutFrameHeader(timestamp, data.byteLength, key), data, done);
  }

  /** Lets it write its end; a file gets its name. One that takes too long is ended. */
  finish(): Promise<void> {
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  async #finish(): Promise<void> {
    this.#process.stdin.end();
    const timer = setTimeout(() => void this.#process.close(), finishTimeout);
    const exit = await this.#process.exit;
    clearTimeout(timer);
    await (exit.code === 0 ? this.#target?.commit() : this.#target?.discard());
  }
}

function writeBoth(stdin: Writable, header: Uint8Array, data: Uint8Array, done: () => void): void {
  stdin.cork();
  stdin.write(header);
  stdin.write(data, () => done());
  stdin.uncork();
}

function planOutput(output: string): Plan {
  if (/^\/dev\/video\d+$/.test(output)) {
    return { kind: 'device' };
  }
  const container = containerFor(output, undefined);
  if (output === '-' || !copyable.has(container.muxer)) {
    throw new UsageError(`A live stream can't be written to "${output}": it is H.264.`, {
      remedy: 'Give a file ending in .mp4, .mkv or .ts, an rtmp, rtsp, srt or hls address, or /dev/videoN.',
    });
  }
  // A playlist is watched while it is written, so it can't have another name until it is complete.
  return { kind: isUrl(output) || container.muxer === 'hls' ? 'stream' : 'file', container };
}

function liveUrl(output: string): string {
  return isUrl(output) ? output : `file:${output}`;
}

function outputArguments(url: string, plan: Plan): string[] {
  return ffmpegArguments((command) =>
    command
      .input('pipe:0')
      .inputOptions('-f', 'nut', '-probesize', '32', '-fpsprobesize', '0', '-analyzeduration', '0')
      .output(url)
      .outputOptions(
        ...(plan.kind === 'device'
          ? ['-map', '0:v:0', '-c:v', 'rawvideo', '-threads', '1', '-pix_fmt', 'yuv420p', '-f', 'v4l2']
          : ['-map', '0:v:0', '-c:v', 'copy', ...muxerOptions(plan), '-f', plan.container.muxer]),
      ),
  );
}

function muxerOptions({ kind, container }: Exclude<Plan, { kind: 'device' }>): string[] {
  if (container.muxer === 'hls') {
    return ['-hls_time', '2', '-hls_list_size', '6', '-hls_flags', 'delete_segments'];
  }
  if (container.muxer === 'rtsp') {
    return ['-rtsp_transport', 'tcp'];
  }
  return [...container.options, ...(kind === 'stream' ? ['-flush_packets', '1'] : [])];
}

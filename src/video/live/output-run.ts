import type { Writable } from 'node:stream';

import { outputFailure } from '../ffmpeg/failure.js';
import type { FfmpegProcess } from '../ffmpeg/process.js';
import { h264Tag, rgb24Tag } from '../nut/syntax.js';
import { nutFrameHeader, nutHeader } from '../nut/writer.js';
import type { OutputTarget } from '../output-target.js';
import { parameterSets } from './codec-string.js';

/** A picture for an output: an access unit, or raw RGB where the output takes that. */
export interface OutputPicture {
  readonly data: Uint8Array;
  readonly key: boolean;
  readonly timestampMicroseconds: number;
  readonly width: number;
  readonly height: number;
}

/** Bytes that may wait for an output; one that is further behind skips to the next key frame. */
const mostWaiting = 8 * 2 ** 20;
/** Longest wait for an output to store its end, milliseconds. */
const finishTimeout = 10_000;
const timeBase = { numerator: 1, denominator: 1_000_000 };

/** One ffmpeg that writes an output, from one key frame on. */
export class OutputRun {
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
      const failure = exit.code === 0 ? undefined : outputFailure(exit, output);
      if (this.#finished === undefined) {
        // Why it ended matters more than what couldn't be tidied up after it.
        const left = await target?.discard().catch((error: unknown) => error);
        return failure ?? (left instanceof Error ? left : undefined);
      }
      return failure;
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

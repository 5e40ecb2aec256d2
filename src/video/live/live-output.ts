import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { isUrl, localPath } from '../ffmpeg/allow-list.js';
import { FfmpegProcess } from '../ffmpeg/process.js';
import { assertMayWrite, prepareOutput } from '../output-target.js';
import { liveUrl, outputArguments, planOutput, type OutputPlan } from './output-plan.js';
import { OutputRun, type OutputPicture } from './output-run.js';

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

/** Waits before an output is opened again, milliseconds; the last one goes on. */
const retryDelays = [1000, 2000, 5000, 10_000] as const;
/** Having been written for so long, an output has recovered: the next loss starts with the shortest wait again. */
const recoveredAfter = 10_000;

/**
 * Where else a live stream goes: a file or an address gets the units that the viewers get, a virtual camera
 * (https://github.com/umlaeute/v4l2loopback) raw pictures. Whatever becomes of it, the stream goes on.
 */
export class LiveOutput implements AsyncDisposable {
  /** What it is written from. */
  readonly takes: 'h264' | 'raw';
  readonly #options: LiveOutputOptions;
  readonly #plan: OutputPlan;
  #run: OutputRun | undefined;
  #opening: Promise<void> | undefined;
  #failures = 0;
  /** When it was opened last; 0 before the first time. */
  #openedAt = 0;
  #notBefore = 0;
  #over = false;

  /**
   * Checks that it can be written.
   *
   * @throws UsageError for a container that takes no H.264, OutputError for a place that can't be written.
   */
  static async prepare(options: LiveOutputOptions): Promise<LiveOutput> {
    const plan = planOutput(options.output);
    if (plan.kind !== 'device') {
      await assertMayWrite(options.output, plan.container, options.overwrite);
    }
    return new LiveOutput(options, plan);
  }

  private constructor(options: LiveOutputOptions, plan: OutputPlan) {
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
      this.#opening = this.#open(picture, done).finally(() => {
        this.#opening = undefined;
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

  async #open(first: OutputPicture, done: () => void): Promise<void> {
    const { output, program, overwrite } = this.#options;
    try {
      const target =
        this.#plan.kind === 'file' ? await prepareOutput(output, this.#plan.container, overwrite) : undefined;
      if (this.#plan.kind === 'stream' && !isUrl(output)) {
        await mkdir(dirname(localPath(output)), { recursive: true });
      }
      const url = this.#plan.kind === 'device' ? output : (target?.url ?? liveUrl(output));
      const process = new FfmpegProcess(program, outputArguments(url, this.#plan, this.#openedAt > 0));
      this.#openedAt = performance.now();
      const run = new OutputRun(process, target, first, this.takes, output);
      this.#run = run;
      void run.ended.then((failure) => this.#lost(run, failure));
      if (this.#failures > 0) {
        this.#options.onNotice(`"${output}" is written again.`);
      }
      run.write(first, done);
    } catch (error) {
      this.#over = true;
      this.#tellError(error);
      done();
    }
  }

  /** What follows doesn't fit: a file ends here, anything else is opened anew. */
  #leave(why: string): void {
    const run = this.#run;
    this.#run = undefined;
    this.#over = this.#plan.kind === 'file';
    this.#options.onNotice(`"${this.#options.output}" ${this.#over ? 'is finished' : 'is opened anew'}: ${why}.`);
    // Two must not write one playlist at a time.
    this.#opening = run
      ?.finish()
      .catch((error: unknown) => this.#tellError(error))
      .finally(() => {
        this.#opening = undefined;
      });
  }

  #tellError(error: unknown): void {
    this.#options.onNotice(error instanceof Error ? error.message : String(error));
  }

  #lost(run: OutputRun, failure: Error | undefined): void {
    if (this.#run !== run || this.#over) {
      return;
    }
    this.#run = undefined;
    this.#over = this.#plan.kind === 'file';
    this.#failures = performance.now() - this.#openedAt > recoveredAfter ? 0 : this.#failures;
    this.#notBefore = performance.now() + (retryDelays[Math.min(this.#failures, retryDelays.length - 1)] ?? 0);
    this.#failures += 1;
    const why = failure?.message ?? `"${this.#options.output}" ended.`;
    this.#options.onNotice(this.#over ? why : `${why} It is tried again.`);
  }
}

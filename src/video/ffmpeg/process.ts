import { constants, setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';

import { execa } from 'execa';

/** Lines of stderr that are kept for error messages. */
const tailLength = 40;
/** How long a process may take to end after SIGTERM before it gets SIGKILL, milliseconds. */
const killDelay = 3000;

/** A line that `-progress pipe:2` prints among the messages. */
const progressLine = /^[a-z][a-z0-9_]*= *\S*$/;

/** How an ffmpeg process ended. */
export interface FfmpegExit {
  /** Its exit code; undefined when a signal ended it or it never started. */
  readonly code: number | undefined;
  /** The last lines it printed, oldest first. */
  readonly stderrTail: readonly string[];
  /** Whether {@link FfmpegProcess.close} ended it. */
  readonly stopped: boolean;
  /** Frames it had written when it last said so; undefined unless it was run with `-progress pipe:2`. */
  readonly framesWritten?: number | undefined;
  /** The signal that somebody else ended it with. */
  readonly signal?: string | undefined;
  /** The first line it printed that matches what was watched for. */
  readonly noticed?: string | undefined;
  /** Why it could not be started. */
  readonly startError: Error | undefined;
}

function spawn(program: string, options: readonly string[]) {
  return execa(program, options, {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    encoding: 'buffer',
    reject: false,
    cleanup: true,
    forceKillAfterDelay: killDelay,
  });
}

/**
 * One running ffmpeg, with its pipes. Whoever starts it closes it; it also dies with this process.
 */
export class FfmpegProcess implements AsyncDisposable {
  /** What it prints as its product. */
  readonly stdout: Readable;
  /** What it reads. */
  readonly stdin: Writable;
  /** Resolves when it has ended, however it ended. */
  readonly exit: Promise<FfmpegExit>;
  readonly #subprocess: ReturnType<typeof spawn>;
  readonly #tail: string[] = [];
  #framesWritten: number | undefined;
  #noticed: string | undefined;
  #stopped = false;
  #ended = false;

  /**
   * @param program - Path of ffmpeg.
   * @param options - Its command line.
   * @param watchFor - A line worth noticing, however much is printed after it.
   */
  constructor(program: string, options: readonly string[], watchFor?: RegExp) {
    this.#subprocess = spawn(program, options);
    letOthersFirst(this.#subprocess.pid);
    this.stdout = this.#subprocess.stdout;
    this.stdin = this.#subprocess.stdin;
    // Not flowing until somebody reads: execa would otherwise drain what nobody has asked for yet.
    this.stdout.pause();
    // A process that ends early breaks its pipes; its exit says why.
    this.stdin.on('error', () => undefined);
    this.#collect(this.#subprocess.stderr, watchFor);
    this.exit = this.#subprocess.then((result) => {
      this.#ended = true;
      return {
        code: result.exitCode,
        stderrTail: this.#tail,
        stopped: this.#stopped,
        framesWritten: this.#framesWritten,
        signal: this.#stopped ? undefined : result.signal,
        noticed: this.#noticed,
        startError: result.exitCode === undefined && result.signal === undefined ? toError(result.cause) : undefined,
      };
    });
  }

  /** Ends it: SIGTERM, then SIGKILL after a delay. Resolves when it is gone; may be called more than once. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#stopped = true;
      this.#subprocess.kill('SIGTERM');
      this.stdin.destroy();
      this.stdout.destroy();
    }
    await this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #collect(stderr: Readable, watchFor: RegExp | undefined): void {
    let rest = '';
    stderr.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split(/\r?\n|\r/);
      // A line without end is cut: it must not grow without bound.
      rest = (lines.pop() ?? '').slice(-2000);
      this.#framesWritten = lines.reduce(lastFrameCount, this.#framesWritten);
      this.#noticed ??= watchFor && lines.find((line) => watchFor.test(line));
      this.#tail.push(...lines.filter((line) => line.trim() !== '' && !progressLine.test(line)));
      this.#tail.splice(0, Math.max(0, this.#tail.length - tailLength));
    });
    stderr.on('end', () => {
      if (rest.trim() !== '') {
        this.#tail.push(rest);
      }
    });
  }
}

/** Lowers a process's priority: whoever moves the frames goes first when cores are short. */
function letOthersFirst(pid: number | undefined): void {
  try {
    if (pid !== undefined) {
      setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    }
  } catch {
    // It has ended already, or may not be touched: nothing depends on it.
  }
}

/** The frame count of a line of progress, or the one before it. */
function lastFrameCount(before: number | undefined, line: string): number | undefined {
  const count = /^frame=(\d+)/.exec(line)?.[1];
  return count === undefined ? before : Number(count);
}

function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

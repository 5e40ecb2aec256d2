import { CommanderError } from 'commander';

import type { ErrorCode, Vid2VidError } from '../index.js';
import { exitCodes, unexpectedExitCode } from './exit-codes.js';
import { paint } from './text.js';

/** An error as the user gets to see it. */
export interface Failure {
  /** What `--json` gives as the last line. */
  readonly line: {
    readonly type: 'error';
    readonly code: ErrorCode | 'unexpected';
    readonly message: string;
    readonly remedy: string | undefined;
  };
  /** The exit code it calls for. */
  readonly exitCode: number;
  /** The stack trace, with those of its causes. */
  readonly trace: string;
}

/** Makes out what an error means to the user. */
export function describeFailure(error: unknown): Failure {
  const trace = traceOf(error);
  if (error instanceof CommanderError) {
    const [first = '', ...advice] = error.message.replace(/^error: /, '').split('\n');
    const remedy =
      advice.length > 0 ? advice.join(' ').replace(/^\((.*)\)$/, '$1') : 'Add --help to see what can be given.';
    return failure('usage', first, remedy, trace);
  }
  if (isVid2VidError(error)) {
    return failure(error.code, inOptionNames(error.message), error.remedy, trace);
  }
  const message = error instanceof Error ? error.message : String(error);
  const remedy = 'This should not happen; VID2VID_TURBO_DEBUG=1 shows where it did.';
  return failure('unexpected', message, remedy, trace);
}

/** Prints a failure in two lines; with VID2VID_TURBO_DEBUG=1 also where it happened. */
export function printFailure({ line, trace }: Failure, stream: NodeJS.WriteStream): void {
  stream.write(`${paint('red', 'error:', stream)} ${line.message}\n`);
  if (line.remedy !== undefined) {
    stream.write(`  ${line.remedy}\n`);
  }
  if (process.env.VID2VID_TURBO_DEBUG === '1') {
    stream.write(`${trace}\n`);
  }
}

function failure(code: Failure['line']['code'], message: string, remedy: string | undefined, trace: string): Failure {
  const exitCode = code === 'unexpected' ? unexpectedExitCode : exitCodes[code];
  return { line: { type: 'error', code, message, remedy }, exitCode, trace };
}

// By its shape, not by its class: the classes come with the whole library, which a usage error need not wait for.
function isVid2VidError(error: unknown): error is Vid2VidError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code in exitCodes;
}

/** The library speaks of `options.frameRate`, users of `--frame-rate`. */
function inOptionNames(message: string): string {
  return message.replace(
    /\boptions\.(\w+)/g,
    (_, name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  );
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const cause = error.cause === undefined ? '' : `\ncaused by ${traceOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

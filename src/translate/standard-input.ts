import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { CanceledError, InputError, OutputError } from '../errors/errors.js';

/** Standard input, stored. */
export interface SpooledInput extends AsyncDisposable {
  /** The file it was stored in; gone when disposed. */
  readonly path: string;
}

/**
 * Stores standard input in a temporary file: the picture and the sound are read by two programs, and the index of
 * most MP4 files stands at their end.
 */
export async function spoolStandardInput(signal: AbortSignal | undefined): Promise<SpooledInput> {
  if (process.stdin.isTTY) {
    throw new InputError('input-unreadable', 'Nothing is piped into standard input.', {
      remedy: 'Pipe a video into it, or name a file instead of "-".',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-'));
  const dispose = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'stdin');
  try {
    await pipeline(process.stdin, createWriteStream(path), { ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    await dispose();
    if (signal?.aborted) {
      throw new CanceledError('Canceled.', { cause });
    }
    throw new OutputError('disk-full', `Standard input can't be stored in "${tmpdir()}".`, {
      remedy: 'Free some space there, or set TMPDIR to another folder.',
      cause,
    });
  }
  return { path, [Symbol.asyncDispose]: dispose };
}

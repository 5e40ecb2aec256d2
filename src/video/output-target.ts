import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

import { OutputError } from '../errors/errors.js';
import { isUrl, localPath } from './ffmpeg/allow-list.js';
import { isSequence, picturesOf } from './sequence.js';
import type { Container } from './containers.js';

/**
 * Where an output is written while it is made, and where it goes when it is complete: a file gets a temporary name
 * beside its own, images and segments a temporary folder; pipes and URLs are written directly.
 */
export interface OutputTarget extends AsyncDisposable {
  /** What ffmpeg writes to. */
  readonly url: string;
  /** The same as a path; the URL itself for pipes and URLs. */
  readonly path: string;
  /** Puts the complete output under its own name. */
  commit(): Promise<void>;
  /** Removes what isn't complete; nothing after {@link OutputTarget.commit}. May be called more than once. */
  discard(): Promise<void>;
}

/**
 * Fails early where writing is certain to fail late.
 *
 * @throws OutputError when it exists and may not be overwritten, or its folder is missing or not writable.
 */
export async function assertMayWrite(
  output: string,
  { shape }: Pick<Container, 'shape'>,
  overwrite: boolean,
): Promise<void> {
  if (output === '-' || isUrl(output)) {
    return;
  }
  const path = localPath(output);
  await assertWritableFolder(dirname(path), output, shape === 'folder');
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory()) {
    throw new OutputError('output-unwritable', `"${output}" is a folder.`, { remedy: 'Give the name of a file.' });
  }
  const taken = isSequence(path) ? (await picturesOf(path)).size > 0 : existing?.isFile() === true;
  if (taken && !overwrite) {
    throw new OutputError('output-exists', `"${output}" is already there.`, {
      remedy: 'Choose another name, or replace it with --overwrite.',
    });
  }
}

/** Prepares an output, after the checks of {@link assertMayWrite}. */
export async function prepareOutput(
  output: string,
  container: Pick<Container, 'shape'>,
  overwrite: boolean,
): Promise<OutputTarget> {
  await assertMayWrite(output, container, overwrite);
  if (output === '-') {
    return direct('pipe:1');
  }
  if (isUrl(output)) {
    return direct(output);
  }
  const path = localPath(output);
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined && !existing.isFile()) {
    // A device or named pipe is written to; to replace it would be to destroy it.
    return direct(`file:${path}`);
  }
  return container.shape === 'folder' ? folderTarget(path, output) : fileTarget(path, output);
}

function direct(url: string): OutputTarget {
  const nothing = () => Promise.resolve();
  return { url, path: url, commit: nothing, discard: nothing, [Symbol.asyncDispose]: nothing };
}

/** A name beside the output's own that no other translation uses, hidden where names with a dot are. */
function temporaryName(path: string, suffix: string): string {
  const name = basename(path, extname(path)).replaceAll('%', '');
  return join(dirname(path), `.${name}.${randomBytes(4).toString('hex')}.part${suffix}`);
}

async function fileTarget(named: string, output: string): Promise<OutputTarget> {
  // A symbolic link stays one, and what it points to is replaced.
  const path = await realpath(named).catch(() => named);
  const temporary = temporaryName(path, extname(path));
  const discard = () => rm(temporary, { force: true });
  return {
    url: `file:${temporary}`,
    path: temporary,
    commit: () => explain(output, rename(temporary, path)),
    discard,
    [Symbol.asyncDispose]: discard,
  };
}

async function folderTarget(path: string, output: string): Promise<OutputTarget> {
  const folder = dirname(path);
  const temporary = temporaryName(path, '');
  await explain(output, mkdir(temporary, { recursive: true }));
  const discard = () => rm(temporary, { recursive: true, force: true });
  const moveAll = async () => {
    for (const old of isSequence(path) ? (await picturesOf(path)).values() : []) {
      await rm(join(folder, old));
    }
    for (const name of await readdir(temporary)) {
      await rename(join(temporary, name), join(folder, name));
    }
  };
  return {
    url: `file:${join(temporary, basename(path))}`,
    path: temporary,
    commit: async () => {
      await explain(output, moveAll());
      await discard();
    },
    discard,
    [Symbol.asyncDispose]: discard,
  };
}

/** A folder is made for images and segments, which want one of their own; a file's folder has to be there. */
async function assertWritableFolder(folder: string, output: string, mayMake: boolean): Promise<void> {
  if (mayMake) {
    await explain(output, mkdir(folder, { recursive: true }));
  }
  await explain(output, access(folder, constants.W_OK | constants.X_OK));
}

async function explain<T>(output: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new OutputError('output-unwritable', `The folder of "${output}" does not exist.`, {
        remedy: 'Make it first, or write elsewhere.',
        cause,
      });
    }
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new OutputError('disk-full', `There is no space left to write "${output}".`, { cause });
    }
    throw new OutputError('output-unwritable', `"${output}" can't be written (${code}).`, {
      remedy: 'Check the permissions of its folder, or write elsewhere.',
      cause,
    });
  }
}

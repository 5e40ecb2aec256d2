import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import envPaths from 'env-paths';

import { OutputError } from '../../errors/errors.js';

/** Where things are in the folder that holds what was fetched and compiled. */
export interface CacheFolder {
  /** The folder itself. */
  readonly root: string;
  /** Finished model packages, each in a folder of its id. */
  readonly packages: string;
  /** What is being made: nothing in here is ever taken for finished. */
  readonly work: string;
  /** Fetched files by the SHA-256 of what is in them. */
  readonly blobs: string;
  /** Fetches that aren't finished, and what has to be known to go on with them. */
  readonly downloads: string;
  /** What came from each address, so that it is never silently something else. */
  readonly records: string;
  /** Locks. */
  readonly locks: string;
}

/**
 * The user's cache folder: `VID2VID_TURBO_CACHE`, or the platform's own place (`$XDG_CACHE_HOME` or `~/.cache`,
 * `~/Library/Caches`, `%LOCALAPPDATA%`).
 */
export function cacheFolder(): CacheFolder {
  const named = process.env.VID2VID_TURBO_CACHE;
  const root =
    named === undefined || named === '' ? envPaths('vid2vid-turbo', { suffix: '' }).cache : path.resolve(named);
  return {
    root,
    packages: path.join(root, 'packages'),
    work: path.join(root, 'work'),
    blobs: path.join(root, 'blobs'),
    downloads: path.join(root, 'downloads'),
    records: path.join(root, 'records'),
    locks: path.join(root, 'locks'),
  };
}

/** Makes the folders of a cache that aren't there yet. */
export async function makeCacheFolders({ root, ...folders }: CacheFolder): Promise<void> {
  try {
    for (const folder of Object.values(folders)) {
      await mkdir(folder, { recursive: true });
    }
  } catch (cause) {
    throw new OutputError('output-unwritable', `The cache folder ${root} can't be made: ${(cause as Error).message}`, {
      remedy: 'Name another folder with VID2VID_TURBO_CACHE.',
      cause,
    });
  }
}

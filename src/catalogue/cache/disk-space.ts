import { statfs } from 'node:fs/promises';

import { OutputError } from '../../errors/errors.js';

/** Bytes that are free for this user in the file system of a folder. */
export type FreeBytes = (folder: string) => Promise<number>;

/** {@inheritDoc FreeBytes} */
export const freeBytes: FreeBytes = async (folder) => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/** Refuses work that a disk hasn't the space for, before it begins. */
export async function assertFreeSpace(
  folder: string,
  needed: number,
  purpose: string,
  free: FreeBytes = freeBytes,
): Promise<void> {
  const available = await free(folder);
  if (available < needed) {
    throw new OutputError(
      'disk-full',
      `${purpose} takes ${gigabytes(needed)} in ${folder}, where ${gigabytes(available)} are free.`,
      { remedy: 'Free some space, or name a folder on another disk with VID2VID_TURBO_CACHE.' },
    );
  }
}

/** Bytes as people read them, `3.5 GB`. */
export function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

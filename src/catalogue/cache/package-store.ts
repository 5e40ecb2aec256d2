import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { ModelError } from '../../errors/errors.js';
import { loadModelPackage } from '../../generator/model-package.js';
import type { CacheFolder } from './cache-folder.js';

/**
 * Makes a model package and puts it into the cache under its id, complete and checked or not at all. Only to be called by
 * whoever holds the lock of that id: what an earlier attempt left behind is thrown away.
 *
 * @param make - Writes the package into the folder it is given, which is empty.
 * @returns The package's folder.
 */
export async function installPackage(
  cache: CacheFolder,
  id: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const finished = packageFolder(cache, id);
  const work = path.join(cache.work, `${id}.partial`);
  const replaced = path.join(cache.work, `${id}.replaced`);
  await recoverPackage(cache, id);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  try {
    await make(work);
    await assertWhole(work, id);
    if (await exists(finished)) {
      await rename(finished, replaced);
    }
    await rename(work, finished);
    await rm(replaced, { recursive: true, force: true });
  } catch (error) {
    await recoverPackage(cache, id);
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return finished;
}

/** Undoes a replacement that was killed half-way: the old package comes back, or goes when the new one is in its place. */
export async function recoverPackage(cache: CacheFolder, id: string): Promise<void> {
  const replaced = path.join(cache.work, `${id}.replaced`);
  if (!(await exists(replaced))) {
    return;
  }
  if (await exists(packageFolder(cache, id))) {
    await rm(replaced, { recursive: true, force: true });
  } else {
    await rename(replaced, packageFolder(cache, id));
  }
}

/** Checks a package that was just made as strictly as one that is about to run. */
export async function assertWhole(folder: string, id: string): Promise<void> {
  const { manifest } = await loadModelPackage(folder);
  if (manifest.id !== id) {
    throw new ModelError('model-invalid', `The package made for "${id}" calls itself "${manifest.id}".`);
  }
}

/** Where the package of an id is, once it is there. */
export function packageFolder(cache: CacheFolder, id: string): string {
  return path.join(cache.packages, id);
}

/** The ids of the finished packages. */
export async function packageIds(cache: CacheFolder): Promise<readonly string[]> {
  const names = await readdir(cache.packages).catch(() => []);
  return names.sort();
}

async function exists(name: string): Promise<boolean> {
  return (await stat(name).catch(() => undefined)) !== undefined;
}

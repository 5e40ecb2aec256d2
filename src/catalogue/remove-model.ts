import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { ModelError } from '../errors/errors.js';
import { BlobStore } from './cache/blob-store.js';
import { cacheFolder, makeCacheFolders } from './cache/cache-folder.js';
import { withLock } from './cache/lock.js';
import { packageFolder, packageIds, recoverPackage } from './cache/package-store.js';
import { unknownModel } from './find-model.js';
import { listModels } from './list-models.js';
import { filesOfModel } from './model-files.js';
import { publishedModels, type PublishedModel } from './published.js';

/**
 * Options of {@link removeModel}.
 *
 * @group Models
 */
export interface RemoveOptions {
  /** Whether the base's files that were fetched for it go, too; other models may share them. Default false. */
  readonly downloads?: boolean | undefined;
  /** Ends the wait for another process that is working on the model. */
  readonly signal?: AbortSignal | undefined;
  /** Told in one line what the user should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/**
 * What {@link removeModel} removed.
 *
 * @group Models
 */
export interface RemovedModel {
  /** The model's id. */
  readonly id: string;
  /** Whether there was a package; without one, only downloads were removed. */
  readonly hadPackage: boolean;
  /** Bytes that its package and downloads took. */
  readonly bytes: number;
}

/**
 * Removes a pulled or compiled model from the cache, with its checkpoint if that was kept. What its files were is
 * remembered, and so is that its terms were accepted.
 *
 * @param id - The model's id.
 * @throws {@link ModelError} for an embedded model, and for one that isn't there.
 * @group Models
 */
export async function removeModel(id: string, options: RemoveOptions = {}): Promise<RemovedModel> {
  const cache = cacheFolder();
  const installed = await packageIds(cache);
  const published = (await publishedModels()).find((model) => model.id === id);
  const listing = (await listModels()).find((model) => model.id === id);
  if (listing?.origin === 'embedded' && !installed.includes(id)) {
    throw new ModelError('model-not-found', `Model ${id} comes with vid2vid-turbo and can't be removed.`);
  }
  // The id becomes a part of paths below: only one that is known gets there.
  if (!installed.includes(id) && published === undefined) {
    throw unknownModel(id, installed);
  }
  await makeCacheFolders(cache);
  const onWait = (owner: string) => options.onNotice?.(`${owner} is working on ${id}: waiting for it.`);
  return withLock(cache, `package-${id}`, { signal: options.signal, onWait }, async (signal) => {
    await recoverPackage(cache, id);
    let bytes = 0;
    const store = new BlobStore(cache);
    for (const file of published === undefined ? [] : downloadsOf(published, options.downloads ?? false)) {
      bytes += await store.discard(file, { signal });
    }
    const hadPackage = (await packageIds(cache)).includes(id);
    if (!hadPackage && bytes === 0) {
      throw new ModelError('model-not-found', `Model ${id} is not here.`);
    }
    bytes += hadPackage ? (listing?.bytes ?? 0) : 0;
    // Out of sight first, so that one that is half removed is never taken for a model.
    const leaving = path.join(cache.work, `${id}.removed`);
    await rm(leaving, { recursive: true, force: true });
    if (hadPackage) {
      await rename(packageFolder(cache, id), leaving);
    }
    await rm(leaving, { recursive: true, force: true });
    await rm(path.join(cache.work, `${id}.inputs.partial`), { recursive: true, force: true });
    await rm(path.join(cache.work, `${id}.partial`), { recursive: true, force: true });
    return { id, hadPackage, bytes };
  });
}

function downloadsOf(model: PublishedModel, all: boolean) {
  const files = [...filesOfModel(model, 'fp32'), ...filesOfModel(model, 'fp16')];
  return files.filter(({ path: name }) => all || !name.startsWith('base/'));
}

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Vid2VidError } from '../errors/errors.js';
import type { Precision } from '../generator/manifest.js';
import { checkLength, filesOf, readManifest } from '../generator/model-package.js';
import { cacheFolder } from './cache/cache-folder.js';

/**
 * How a model came to be here.
 *
 * @group Models
 */
export type ModelOrigin = 'embedded' | 'cache' | 'folder';

/**
 * A model as a list shows it.
 *
 * @group Models
 */
export interface ModelListing {
  /** Its name, unique among models. */
  readonly id: string;
  /** What it does; the name of the effect. */
  readonly effect: string;
  /** Its name for people. */
  readonly title: string;
  /** Version of the weights. */
  readonly version: string;
  /** SPDX identifier of the licence of the weights. */
  readonly licence: string;
  /** Precisions it comes in. */
  readonly precision: readonly Precision[];
  /** Length of all its graphs. */
  readonly bytes: number;
  /** Its folder. */
  readonly directory: string;
  /** How it came here: with this package, pulled or compiled into the cache, or as a folder that the user named. */
  readonly origin: ModelOrigin;
  /** What is wrong with it, where something is. */
  readonly problem?: string;
}

/**
 * Where to look for models beside the embedded ones.
 *
 * @group Models
 */
export interface ListModelsOptions {
  /** A model package of the user's own, listed first. */
  readonly directory?: string | undefined;
}

// The same from src/ and dist/ of a checkout, and from an installed package.
const embeddedFolder = fileURLToPath(new URL('../../models/', import.meta.url));

/**
 * Lists the models there are: the user's own, the embedded ones by name, and those in the cache by name. Checksums aren't
 * checked, so that it is quick; loading a model does, and {@link verifyModel}.
 *
 * @group Models
 */
export async function listModels(options: ListModelsOptions = {}): Promise<readonly ModelListing[]> {
  const own = options.directory === undefined ? [] : [path.resolve(options.directory)];
  const [embedded, pulled] = await Promise.all([packagesIn(embeddedFolder), packagesIn(cacheFolder().packages)]);
  return Promise.all([
    ...own.map((folder) => describeModel(folder, 'folder')),
    ...embedded.map((folder) => describeModel(folder, 'embedded')),
    ...pulled.map((folder) => describeModel(folder, 'cache')),
  ]);
}

/** Folders in `directory` that hold a manifest, in order of their names. */
async function packagesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const folders = names.sort().map((name) => path.join(directory, name));
  const hasManifest = await Promise.all(folders.map((folder) => isFile(path.join(folder, 'manifest.json'))));
  return folders.filter((_, index) => hasManifest[index]);
}

/** What a list shows of the package in a folder; what is wrong with it is told, not thrown. */
export async function describeModel(directory: string, origin: ModelOrigin): Promise<ModelListing> {
  const unknown = { effect: '', title: '', version: '', licence: '', precision: [], bytes: 0 };
  try {
    const { id, effect, title, version, licence, graphs } = await readManifest(directory);
    const files = graphs.flatMap(filesOf);
    const listing: ModelListing = {
      id,
      effect,
      title,
      version,
      licence,
      precision: graphs.map((graph) => graph.precision),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      directory,
      origin,
    };
    try {
      await Promise.all(files.map((file) => checkLength(directory, file)));
      return listing;
    } catch (error) {
      return { ...listing, problem: problemOf(error) };
    }
  } catch (error) {
    return { ...unknown, id: path.basename(directory), directory, origin, problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  if (error instanceof Vid2VidError) {
    return error.message;
  }
  throw error;
}

async function isFile(name: string): Promise<boolean> {
  const found = await stat(name).catch(() => undefined);
  return found?.isFile() ?? false;
}

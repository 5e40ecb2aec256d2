import { rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { InputError, UsageError } from '../errors/errors.js';
import { BlobStore } from './cache/blob-store.js';
import { makeCacheFolders, type CacheFolder } from './cache/cache-folder.js';
import { publishedModels } from './published.js';

/** A tokenizer's folder, for as long as it is needed. */
export interface FoundTokenizer extends AsyncDisposable {
  /** Undefined where the base has its own. */
  readonly folder: string | undefined;
}

/**
 * The tokenizer that a base is to be read with: the one that is named; none where the base is a folder, which has its own;
 * for a base that is one file, the one that a pull left in the cache.
 *
 * @param options.scratch - Folder of the caller's, in which a cached one is put for as long.
 * @throws UsageError, when a base that is one file is left without. InputError, when the named folder isn't there.
 */
export async function tokenizerFor(
  { base, tokenizer }: { readonly base: string; readonly tokenizer?: string | undefined },
  {
    cache,
    scratch,
    signal,
  }: { readonly cache: CacheFolder; readonly scratch: string; readonly signal?: AbortSignal | undefined },
): Promise<FoundTokenizer> {
  if (tokenizer !== undefined) {
    const found = await stat(tokenizer).catch(() => undefined);
    if (found?.isDirectory() !== true) {
      throw new InputError('input-not-found', `The tokenizer's folder "${tokenizer}" does not exist.`);
    }
    return kept(tokenizer);
  }
  if (!(await stat(base)).isFile()) {
    return kept(undefined);
  }
  const cached = await placeCached(cache, path.join(scratch, 'tokenizer'), signal);
  if (cached === undefined) {
    throw new UsageError(`options.tokenizer: ${base} has no tokenizer in it, and no pull left one in the cache.`, {
      remedy:
        "Name the folder with SD-Turbo's vocab.json, merges.txt and tokenizer_config.json by --tokenizer, or pull a model " +
        'with --keep-downloads first.',
    });
  }
  return cached;
}

/** The files of a published base's tokenizer, put into a folder of their own; undefined unless all of them are stored. */
async function placeCached(
  cache: CacheFolder,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<FoundTokenizer | undefined> {
  await makeCacheFolders(cache);
  const store = new BlobStore(cache);
  const discard = () => rm(folder, { recursive: true, force: true });
  const bases = new Set((await publishedModels()).map(({ base }) => base));
  for (const { origin, files } of bases) {
    const tokenizerFiles = files.filter(({ path: name }) => name.startsWith('tokenizer/'));
    let whole = tokenizerFiles.length > 0;
    for (const { path: name } of tokenizerFiles) {
      const file = { name, url: new URL(name, origin).href };
      whole &&= await store.place(file, path.join(folder, path.basename(name)), { signal });
    }
    if (whole) {
      return { folder, [Symbol.asyncDispose]: discard };
    }
    await discard();
  }
  return undefined;
}

function kept(folder: string | undefined): FoundTokenizer {
  return { folder, [Symbol.asyncDispose]: () => Promise.resolve() };
}

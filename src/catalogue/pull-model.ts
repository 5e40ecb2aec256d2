import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { throwIfCanceled, UsageError } from '../errors/errors.js';
import { BlobStore, type CataloguedFile } from './cache/blob-store.js';
import { cacheFolder, makeCacheFolders, type CacheFolder } from './cache/cache-folder.js';
import { assertFreeSpace, freeBytes, gigabytes, type FreeBytes } from './cache/disk-space.js';
import { withLock } from './cache/lock.js';
import { installPackage, packageFolder, recoverPackage } from './cache/package-store.js';
import { compilePackage, type CompilePackage } from './compile-package.js';
import { checkOptions, compileSettingsShape, precisionsOf, type CompileSettings } from './compile-settings.js';
import { requireConsent, type LicenceConsent } from './consent.js';
import { mirrored, parseBaseUrl } from './download/address.js';
import { measureFiles, type MeasuredFile } from './download/measure-files.js';
import { Remote, type RemoteOptions } from './download/remote.js';
import { unknownModel } from './find-model.js';
import { describeModel, type ModelListing } from './list-models.js';
import { filesOfModel } from './model-files.js';
import { publishedModels, type PublishedModel } from './published.js';
import { StageReporter, type OnModelProgress } from './work-progress.js';

/**
 * Options of {@link pullModel}.
 *
 * @group Models
 */
export interface PullOptions extends CompileSettings {
  /** A mirror of all that is fetched: `https://mirror.example/`, or `file:///media/models/`; paths are as at the source. */
  readonly baseUrl?: string | undefined;
  /** Whether the user accepts the model's terms, or who asks. Default: not accepted, unless they were before. */
  readonly acceptLicence?: LicenceConsent | undefined;
  /** Whether the files that were fetched stay, for other models of the same base. Default false: they are large. */
  readonly keepDownloads?: boolean | undefined;
  /** Stops the work; what was fetched is kept, and gone on with the next time. */
  readonly signal?: AbortSignal | undefined;
  /** Told a few times a second how far it is. */
  readonly onProgress?: OnModelProgress | undefined;
  /** Told in one line what the user should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** What pulling is done with; tests put others in their place. */
export interface PullDependencies {
  readonly compile: CompilePackage;
  readonly cache?: CacheFolder;
  readonly freeBytes?: FreeBytes;
  readonly remote?: RemoteOptions;
}

const pullOptionsSchema = z.strictObject({
  ...compileSettingsShape,
  baseUrl: z.string().optional(),
  keepDownloads: z.boolean().default(false),
});

/** File of a pulled package that says how it was compiled. */
const settingsFile = 'settings.json';

/**
 * Fetches a model that its authors published, with the base it builds on, and compiles both into one package of the
 * user's cache, where `findModel` and `translateFile` find it by its id. A pull that was stopped or killed goes on where
 * it stopped; two at once don't disturb each other; nothing that isn't whole is ever taken for a model.
 *
 * @param id - One of `listPublishedModels()`.
 * @returns The model, as `listModels()` shows it.
 * @throws {@link LicenceError} when its terms aren't accepted, {@link DownloadError} when a file can't be had or isn't what
 * was published, {@link OutputError} when there is no space, {@link ModelError} for an id that nothing has or a checkpoint
 * that can't be compiled, {@link CanceledError} when `options.signal` stopped it.
 * @example
 * ```ts
 * await pullModel('day-to-night-turbo', { acceptLicence: true, onProgress: ({ what, fraction }) => show(what, fraction) });
 * await translateFile('drive.mp4', 'night.mp4', { model: 'day-to-night-turbo' });
 * ```
 * @group Models
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<ModelListing> {
  const published = await publishedModels();
  const model = published.find((entry) => entry.id === id);
  if (model === undefined) {
    throw unknownModel(
      id,
      published.map((entry) => entry.id),
    );
  }
  return pullPublishedModel(model, options, { compile: compilePackage });
}

/** {@link pullModel}, of a model and with dependencies that tests can choose. */
export async function pullPublishedModel(
  model: PublishedModel,
  { acceptLicence = false, signal, onProgress, onNotice, ...rest }: PullOptions,
  { compile, cache = cacheFolder(), freeBytes: free = freeBytes, remote: remoteOptions = {} }: PullDependencies,
): Promise<ModelListing> {
  const { id } = model;
  const { baseUrl, keepDownloads, ...asked } = checkOptions(pullOptionsSchema, rest);
  const mirror = baseUrl === undefined ? undefined : parseBaseUrl(baseUrl);
  const settings = settle(model, asked);
  throwIfCanceled(signal);
  await makeCacheFolders(cache);
  await requireConsent(cache, model, acceptLicence);
  const onWait = (owner: string) => onNotice?.(`${owner} is pulling ${id}: waiting for it.`);
  return withLock(cache, `package-${id}`, { signal, onWait }, async (held) => {
    await recoverPackage(cache, id);
    const there = await describeModel(packageFolder(cache, id), 'cache').catch(() => undefined);
    if (there !== undefined && there.problem === undefined && (await isMadeWith(there.directory, asked))) {
      onNotice?.(`${id} is there already.`);
      return there;
    }
    await using remote = new Remote(remoteOptions);
    const store = new BlobStore(cache);
    const files = filesOfModel(model, settings.precision === 'fp16' ? 'fp16' : 'fp32');
    const measured = await measureFiles(files, store, remote, mirror, held);
    await assertFreeSpace(cache.root, spaceNeeded(measured, settings.precision), `Pulling ${id}`, free);
    const inputs = path.join(cache.work, `${id}.inputs.partial`);
    await rm(inputs, { recursive: true, force: true });
    try {
      await fetchAll(measured, inputs, { store, remote, mirror, id, signal: held, onProgress, onNotice });
      const compiling = new StageReporter('compile', onProgress);
      const directory = await installPackage(cache, id, async (output) => {
        await compile({
          checkpoint: path.join(inputs, 'checkpoint.pkl'),
          base: path.join(inputs, 'base'),
          output,
          kind: model.kind,
          prompt: settings.prompt,
          direction: model.direction,
          precision: precisionsOf(settings.precision),
          posterior: settings.posterior,
          seed: settings.seed,
          about: {
            ...{ id, effect: model.effect, title: model.title, description: model.description },
            licence: 'LicenseRef-Stability-AI-Community',
            source: model.checkpoint.url,
          },
          signal: held,
          onProgress: (part, fraction) => compiling.report(part, fraction, 1),
          onNotice,
        });
        throwIfCanceled(held);
        await writeFile(path.join(output, settingsFile), `${JSON.stringify(settings, undefined, 2)}\n`);
      });
      if (!keepDownloads) {
        await discardAll(files, store, onNotice);
      }
      return await describeModel(directory, 'cache');
    } finally {
      await rm(inputs, { recursive: true, force: true });
    }
  });
}

/** Every setting, with its default where the user said nothing. */
function settle(model: PublishedModel, asked: CompileSettings) {
  const prompt = asked.prompt ?? model.prompt;
  if (prompt === undefined) {
    throw new UsageError(`options.prompt: ${model.id} paints what a prompt says.`, {
      remedy: `Say what, for instance --prompt "a photograph of a red handbag".`,
    });
  }
  return {
    precision: asked.precision ?? 'fp32',
    prompt,
    posterior: asked.posterior ?? 'mode',
    seed: asked.seed ?? 0,
  } as const;
}

/** Whether a package was compiled with what is asked for now; what isn't asked for may be as it is. */
async function isMadeWith(directory: string, asked: CompileSettings): Promise<boolean> {
  try {
    const made = JSON.parse(await readFile(path.join(directory, settingsFile), 'utf8')) as CompileSettings;
    return (['precision', 'prompt', 'posterior', 'seed'] as const).every(
      (name) => asked[name] === undefined || asked[name] === made[name],
    );
  } catch {
    return false;
  }
}

/** What is still to be fetched, and about what the package will take. */
function spaceNeeded(files: readonly MeasuredFile[], precision: NonNullable<CompileSettings['precision']>): number {
  const missing = files.reduce((sum, { likelyBytes = 0, bytesHere }) => sum + Math.max(0, likelyBytes - bytesHere), 0);
  // The text encoder is needed while compiling only; the rest becomes the package, at one precision or the other.
  const weights = files
    .filter(({ path: name }) => name.startsWith('base/') && !name.startsWith('base/text_encoder/'))
    .reduce((sum, { likelyBytes = 0 }) => sum + likelyBytes, 0);
  return missing + weights * { fp32: 1, fp16: 1, both: 1.5 }[precision];
}

async function fetchAll(
  files: readonly MeasuredFile[],
  folder: string,
  options: Pick<PullOptions, 'signal' | 'onProgress' | 'onNotice'> & {
    readonly store: BlobStore;
    readonly remote: Remote;
    readonly mirror: URL | undefined;
    readonly id: string;
  },
): Promise<void> {
  const { store, remote, mirror, signal, onNotice } = options;
  const reporter = new StageReporter('download', options.onProgress);
  const total = files.reduce<number | undefined>(
    (sum, { likelyBytes }) => (sum === undefined || likelyBytes === undefined ? undefined : sum + likelyBytes),
    0,
  );
  let before = 0;
  const unchecked: string[] = [];
  for (const file of files) {
    const record = await store.obtain(file, path.join(folder, file.path), {
      ...{ remote, signal, onNotice },
      url: mirrored(new URL(file.url), mirror),
      onProgress: (bytes) => reporter.report(file.name, before + bytes, total),
      onWait: (owner) => onNotice?.(`${owner} is fetching ${file.name}: waiting for it.`),
    });
    before += record.bytes;
    reporter.report(file.name, before, total);
    if (record.checkedBy === 'length') {
      unchecked.push(file.name);
    }
  }
  const checkpoint = unchecked.find((name) => name.endsWith('.pkl'));
  if (checkpoint !== undefined) {
    onNotice?.(
      `Nobody publishes a checksum of ${checkpoint}: what came the first time was recorded, and is what has to come from now on.`,
    );
  }
}

async function discardAll(
  files: readonly CataloguedFile[],
  store: BlobStore,
  onNotice: PullOptions['onNotice'],
): Promise<void> {
  let freed = 0;
  for (const file of files) {
    freed += await store.discard(file);
  }
  onNotice?.(`What was fetched (${gigabytes(freed)}) is removed; --keep-downloads keeps it for other models.`);
}

import { access, constants, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { OutputError, throwIfCanceled, UsageError } from '../errors/errors.js';
import { cacheFolder, makeCacheFolders, type CacheFolder } from './cache/cache-folder.js';
import { assertFreeSpace, freeBytes, type FreeBytes } from './cache/disk-space.js';
import { withLock } from './cache/lock.js';
import { assertWhole, installPackage } from './cache/package-store.js';
import { compilePackage, type CompilePackage } from './compile-package.js';
import { packageBytes, requireCheckpoint } from './compile-inputs.js';
import { checkOptions, compileSettingsShape, precisionsOf, type CompileSettings } from './compile-settings.js';
import { tokenizerFor } from './find-tokenizer.js';
import { describeModel, type ModelListing } from './list-models.js';
import { publishedModels } from './published.js';
import { StageReporter, type OnModelProgress } from './work-progress.js';

/**
 * Options of {@link compileModel}.
 *
 * @group Models
 */
export interface CompileOptions extends Omit<CompileSettings, 'prompt'> {
  /** The checkpoint, a `.pkl` file of CycleGAN-Turbo or pix2pix-Turbo. */
  readonly checkpoint: string;
  /**
   * SD-Turbo: its folder as diffusers lays it out (`unet/`, `vae/`, `text_encoder/`, `tokenizer/`), or its one file,
   * `sd_turbo.safetensors`.
   */
  readonly base: string;
  /**
   * Folder of SD-Turbo's tokenizer, which its one file hasn't. Default: that of the base's folder; for a file, the one that
   * a pull left in the cache.
   */
  readonly tokenizer?: string | undefined;
  /** Name of the model: lower-case letters, digits, `.`, `_`, `-`. */
  readonly id: string;
  /** What the network is told to make of the picture: the prompt it was trained with. */
  readonly prompt: string;
  /** Which way a CycleGAN-Turbo goes: from the first domain to the second, or back. */
  readonly direction?: 'a2b' | 'b2a' | undefined;
  /** What kind of checkpoint it is. Default `'auto'`: told by what is in it. */
  readonly kind?: 'auto' | 'cyclegan-turbo' | 'pix2pix-turbo' | undefined;
  /**
   * What a pix2pix-Turbo is given of each frame: the frame, its edges white on black, or its dark strokes white on black.
   * Default: strokes where the checkpoint is stochastic, edges otherwise, as in the published ones.
   */
  readonly input?: 'picture' | 'edges' | 'sketch' | undefined;
  /** Name of the effect. Default: the id. */
  readonly effect?: string | undefined;
  /** Its name for people. Default: the id. */
  readonly title?: string | undefined;
  /** Folder to write the package to. Default: the cache, where `translate --model <id>` finds it. */
  readonly output?: string | undefined;
  /** Whether a package that is there already may be replaced. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Stops the work; nothing is left of it. */
  readonly signal?: AbortSignal | undefined;
  /** Told a few times a second how far it is. */
  readonly onProgress?: OnModelProgress | undefined;
  /** Told in one line what the user should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** What compiling is done with; tests put others in their place. */
export interface CompileDependencies {
  readonly compile: CompilePackage;
  readonly cache?: CacheFolder;
  readonly freeBytes?: FreeBytes;
}

const compileOptionsSchema = z.strictObject({
  ...compileSettingsShape,
  prompt: z.string().trim().min(1, 'a prompt says what the picture is to become').max(2000),
  checkpoint: z.string().min(1),
  base: z.string().min(1),
  tokenizer: z.string().min(1).optional(),
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'an id is lower-case letters, digits, . _ -'),
  direction: z.enum(['a2b', 'b2a']).optional(),
  kind: z.enum(['auto', 'cyclegan-turbo', 'pix2pix-turbo']).default('auto'),
  input: z.enum(['picture', 'edges', 'sketch']).optional(),
  effect: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'an effect is lower-case letters, digits, -')
    .optional(),
  title: z.string().min(1).optional(),
  output: z.string().min(1).optional(),
  overwrite: z.boolean().default(false),
});

/**
 * Compiles a checkpoint of the user's own, of CycleGAN-Turbo or pix2pix-Turbo, into a model package.
 *
 * @returns The model, as `listModels()` shows it.
 * @throws {@link InputError} for files that aren't there, {@link OutputError} for a package that is there already or a full
 * disk, {@link ModelError} for a checkpoint that can't be compiled, {@link CanceledError} when `options.signal` stopped it.
 * @group Models
 */
export async function compileModel(options: CompileOptions): Promise<ModelListing> {
  return compileOwnModel(options, { compile: compilePackage });
}

/** {@link compileModel}, with dependencies that tests can choose. */
export async function compileOwnModel(
  { signal, onProgress, onNotice, ...rest }: CompileOptions,
  { compile, cache = cacheFolder(), freeBytes: free = freeBytes }: CompileDependencies,
): Promise<ModelListing> {
  const options = checkOptions(compileOptionsSchema, rest);
  const { id, output, overwrite } = options;
  throwIfCanceled(signal);
  const precision = options.precision ?? 'fp32';
  await requireCheckpoint(options.checkpoint);
  const bytes = await packageBytes(options.base, precision);
  const reporter = new StageReporter('compile', onProgress);
  const make = async (folder: string, held: AbortSignal | undefined) => {
    await using tokenizer = await tokenizerFor(options, { cache, scratch: folder, signal: held });
    await assertFreeSpace(path.dirname(folder), bytes, `Compiling ${id}`, free);
    await compile({
      checkpoint: options.checkpoint,
      base: options.base,
      tokenizer: tokenizer.folder,
      output: folder,
      kind: options.kind,
      prompt: options.prompt,
      direction: options.direction,
      precision: precisionsOf(precision),
      posterior: options.posterior ?? 'mode',
      seed: options.seed ?? 0,
      input: options.input,
      about: {
        id,
        effect: options.effect ?? id.replaceAll(/[._]/g, '-'),
        title: options.title ?? id,
        description: `Compiled from ${path.basename(options.checkpoint)} for the prompt "${options.prompt}".`,
        licence: 'LicenseRef-Stability-AI-Community',
        source: path.basename(options.checkpoint),
      },
      signal: held,
      onProgress: (part, fraction) => reporter.report(part, fraction, 1),
      onNotice,
    });
    throwIfCanceled(held);
  };
  if (output !== undefined) {
    const place = path.resolve(output);
    const parent = await makeWritable(path.dirname(place));
    const onWait = (owner: string) => onNotice?.(`${owner} is writing ${place}: waiting for it.`);
    // The lock is beside the package: whoever writes it may have another cache, or come by another name of the folder.
    return withLock({ locks: parent }, `.${path.basename(place)}`, { signal, onWait }, (held) =>
      compileInto(place, id, overwrite, (folder) => make(folder, held)),
    );
  }
  if ((await publishedModels()).some((model) => model.id === id)) {
    throw new UsageError(`options.id: "${id}" is the name of a published model.`, { remedy: 'Choose another name.' });
  }
  await makeCacheFolders(cache);
  const onWait = (owner: string) => onNotice?.(`${owner} is working on ${id}: waiting for it.`);
  return withLock(cache, `package-${id}`, { signal, onWait }, async (held) => {
    await assertFree(path.join(cache.packages, id), overwrite);
    const directory = await installPackage(cache, id, (folder) => make(folder, held));
    return describeModel(directory, 'cache');
  });
}

/**
 * Makes a package under a temporary name beside its own, which it gets when it is whole. Only to be called by whoever holds
 * the lock of that place: what an attempt that was killed left behind is thrown away.
 */
async function compileInto(
  output: string,
  id: string,
  overwrite: boolean,
  make: (folder: string) => Promise<void>,
): Promise<ModelListing> {
  await assertFree(output, overwrite);
  const work = path.join(path.dirname(output), `.${path.basename(output)}.part`);
  await rm(work, { recursive: true, force: true });
  await mkdir(work);
  try {
    await make(work);
    await assertWhole(work, id);
    await rm(output, { recursive: true, force: true });
    await rename(work, output);
    return await describeModel(output, 'folder');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A package may replace a package; anything else that is there is not to be removed. */
async function assertFree(folder: string, overwrite: boolean): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) === undefined) {
    return;
  }
  if (!overwrite) {
    throw new OutputError('output-exists', `"${folder}" is already there.`, {
      remedy: 'Choose another name, or replace it with --overwrite.',
    });
  }
  if ((await stat(path.join(folder, 'manifest.json')).catch(() => undefined)) === undefined) {
    throw new OutputError('output-exists', `"${folder}" is there and is not a model package.`, {
      remedy: 'Choose another name; it is not replaced.',
    });
  }
}

/** Makes a folder in which files can be made. */
async function makeWritable(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return folder;
  } catch (cause) {
    throw new OutputError('output-unwritable', `"${folder}" can't be written to: ${(cause as Error).message}`, {
      cause,
    });
  }
}

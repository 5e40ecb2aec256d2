import { access, constants, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { InputError } from '../errors/errors.js';
import type { CompileSettings } from './compile-settings.js';

const fullPrecision = 4;

/** Sizes of a package beside what its base's weights take in full precision. */
const sizeOf: Readonly<Record<NonNullable<CompileSettings['precision']>, number>> = { fp32: 1, fp16: 0.5, both: 1.5 };

/** @throws InputError, when there is no such file. */
export async function requireCheckpoint(file: string): Promise<void> {
  if (!(await readable(file, 'checkpoint')).isFile()) {
    throw new InputError('input-unreadable', `The checkpoint "${file}" is not a file.`, {
      remedy: 'Name the .pkl file.',
    });
  }
}

/**
 * About how large a package will be: as large as its base, the text encoder left out; what the checkpoint changes is in the
 * same numbers.
 *
 * @param base - A folder as diffusers lays it out, or one file.
 * @throws InputError, when it isn't there. ModelError, when the one file is none of Stable Diffusion 2.
 */
export async function packageBytes(
  base: string,
  precision: NonNullable<CompileSettings['precision']>,
): Promise<number> {
  const found = await readable(base, 'base');
  const bytes = found.isFile()
    ? await singleFileBytes(base)
    : (await Promise.all(['unet', 'vae'].map((part) => fullPrecisionBytes(path.join(base, part))))).reduce(
        (a, b) => a + b,
      );
  return bytes * sizeOf[precision];
}

/** What the networks in one file take in full precision: it may be in half, and has a text encoder and more in it. */
async function singleFileBytes(file: string): Promise<number> {
  // Loaded when it is needed, as all of the compiler.
  const [{ openSingleFile }, { elementCount }] = await Promise.all([
    import('../compiler/checkpoint/latent-diffusion/single-file.js'),
    import('../compiler/checkpoint/tensor-source.js'),
  ]);
  await using model = await openSingleFile(file);
  const shapes = [model.unet, model.vae].flatMap((part) =>
    [...part.names()].map((name) => part.describe(name)?.shape ?? []),
  );
  return shapes.reduce((sum, shape) => sum + elementCount(shape), 0) * fullPrecision;
}

/** What the weights in a folder take in full precision, in which they are read where they are there in both. */
async function fullPrecisionBytes(folder: string): Promise<number> {
  const weights = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  const full = weights.filter((name) => !name.includes('.fp16'));
  const sizes = await Promise.all(
    (full.length > 0 ? full : weights).map(async (name) => (await stat(path.join(folder, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0) * (full.length > 0 ? 1 : 2);
}

async function readable(input: string, what: 'checkpoint' | 'base') {
  try {
    await access(input, constants.R_OK);
    return await stat(input);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw code === 'ENOENT'
      ? new InputError('input-not-found', `The ${what} "${input}" does not exist.`, { cause })
      : new InputError('input-unreadable', `The ${what} "${input}" can't be read (${String(code)}).`, { cause });
  }
}

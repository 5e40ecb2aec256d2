import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { openSafetensorsFile } from '../safetensors/safetensors-file.js';
import { familyOf } from '../stable-diffusion-family.js';
import { elementCount, formatShape, type TensorSource } from '../tensor-source.js';
import { type TensorPart, viewOfParts } from '../tensor-view.js';

import { autoencoderName } from './autoencoder-names.js';
import { openClipNames } from './open-clip-names.js';
import { unetName } from './unet-names.js';

/** The networks of a Stable Diffusion that lies in one file, by the names that diffusers and transformers give them. */
export interface SingleFileModel extends AsyncDisposable {
  readonly unet: TensorSource;
  readonly vae: TensorSource;
  readonly textEncoder: TensorSource;
  /** Closes the file. Idempotent. */
  close(): Promise<void>;
}

const unetPrefix = 'model.diffusion_model.';
const vaePrefix = 'first_stage_model.';
/** The text encoder's, as the program that trained Stable Diffusion 2 names it, and as the one that trained SD-Turbo. */
const textPrefixes = ['cond_stage_model.model.', 'conditioner.embedders.0.model.'] as const;

const wanted = "Give sd_turbo.safetensors, or SD-Turbo's folder as diffusers lays it out.";

/**
 * Opens a Stable Diffusion 2 that lies in one safetensors file, such as `sd_turbo.safetensors`, in the layout of the
 * latent-diffusion program. What else is in the file (averages of training, the schedule) is passed over.
 *
 * @throws ModelError, when the file isn't sound, or holds something else: which, is said.
 */
export async function openSingleFile(path: string): Promise<SingleFileModel> {
  const file = await openSafetensorsFile(path);
  try {
    requireFamily(file);
    const textPrefix = textPrefixes.find((prefix) => has(file, prefix));
    if (textPrefix === undefined) {
      throw invalidCheckpoint(
        `${path} has no OpenCLIP text encoder: no tensor ${textPrefixes.join('* or ')}*.`,
        wanted,
      );
    }
    if (!has(file, vaePrefix)) {
      throw invalidCheckpoint(`${path} has no autoencoder: no tensor ${vaePrefix}*.`, wanted);
    }
    const close = () => file.close();
    return {
      unet: network(file, unetPrefix, (name) => [{ name: unetName(name) }]),
      vae: network(file, vaePrefix, (name, shape) => [
        { name: autoencoderName(name), shape: attentionLayer.test(name) ? withoutKernel(shape) : undefined },
      ]),
      textEncoder: network(file, textPrefix, (name, shape) =>
        openClipNames(name).map(({ name: visible, third }) => ({ name: visible, ...thirdOf(shape, third) })),
      ),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** In this layout the autoencoder's attention is made of 1x1 convolutions; in diffusers, of linear layers. */
const attentionLayer = /\.attn_1\.(?:q|k|v|proj_out)\.weight$/;

function withoutKernel([out = 0, into = 0, ...kernel]: readonly number[]): readonly number[] {
  return kernel.every((side) => side === 1) ? [out, into] : [out, into, ...kernel];
}

interface VisiblePart extends Omit<TensorPart, 'of'> {
  /** Name in the view; undefined where the tensor isn't wanted. */
  readonly name: string | undefined;
}

/** The tensors below a prefix, under the names that `translate` gives them. */
function network(
  file: TensorSource,
  prefix: string,
  translate: (name: string, shape: readonly number[]) => readonly VisiblePart[],
): TensorSource {
  const parts = new Map<string, TensorPart>();
  for (const of of file.names()) {
    const { shape = [] } = file.describe(of) ?? {};
    for (const { name, ...part } of of.startsWith(prefix) ? translate(of.slice(prefix.length), shape) : []) {
      const other = parts.get(name ?? '')?.of;
      if (other !== undefined) {
        throw invalidCheckpoint(`${file.description} has "${name ?? ''}" twice: as "${other}" and as "${of}".`, wanted);
      }
      if (name !== undefined) {
        parts.set(name, { of, ...part });
      }
    }
  }
  return viewOfParts(file, `${file.description} (${prefix}*)`, parts);
}

function thirdOf([rows = 0, ...more]: readonly number[], third?: number): Omit<TensorPart, 'of'> {
  // What can't be cut in three keeps its shape, which whoever wants a third of it refuses.
  if (third === undefined || rows % 3 !== 0) {
    return {};
  }
  const shape = [rows / 3, ...more];
  return { shape, from: third * elementCount(shape) };
}

function has(file: TensorSource, prefix: string): boolean {
  return [...file.names()].some((name) => name.startsWith(prefix));
}

/** Errors of a file that holds another model, or a part of one. */
function requireFamily(file: TensorSource): void {
  const keys = [...file.names()].filter((name) => /(?:^|\.)attn2\.to_k\.weight$/.test(name));
  const [key = ''] = keys.filter((name) => name.startsWith(unetPrefix));
  const { shape } = file.describe(key) ?? {};
  if (shape === undefined) {
    const what = keys.length > 0 ? 'one part of a model, as diffusers lays it out' : 'something else';
    throw invalidCheckpoint(
      `${file.description} is no Stable Diffusion in one file: it has no tensor ${unetPrefix}*; it seems to be ${what}.`,
      wanted,
    );
  }
  if (shape[1] === 768 || shape[1] === 2048) {
    throw invalidCheckpoint(
      `${file.description} is ${familyOf(shape[1])}: tensor "${key}" has shape ${formatShape(shape)}; ` +
        `expected ${formatShape([shape[0] ?? 0, 1024])}, as in SD-Turbo.`,
      wanted,
    );
  }
}

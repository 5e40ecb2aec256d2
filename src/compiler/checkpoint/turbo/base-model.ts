import { openDiffusersPart } from '../diffusers-folder.js';
import { invalidCheckpoint } from '../invalid-checkpoint.js';
import type { LoraAdapter } from '../lora/adapter.js';
import { familyOf } from '../stable-diffusion-family.js';
import { formatShape, type TensorSource } from '../tensor-source.js';

/** The weights that a checkpoint was trained on: SD-Turbo's, for the published ones. */
export interface BaseModel {
  readonly unet: TensorSource;
  readonly vae: TensorSource;
}

/** A {@link BaseModel} with files of its own. */
export interface OpenBaseModel extends BaseModel, AsyncDisposable {
  /** Closes the files. Idempotent. */
  close(): Promise<void>;
}

/** Opens the UNet and the autoencoder of a folder in diffusers' layout. */
export async function openBaseModel(folder: string): Promise<OpenBaseModel> {
  const unet = await openDiffusersPart(folder, 'unet');
  let vae: TensorSource;
  try {
    vae = await openDiffusersPart(folder, 'vae');
  } catch (cause) {
    await unet.close();
    throw cause;
  }
  const close = async () => {
    await Promise.all([unet.close(), vae.close()]);
  };
  return { unet, vae, close, [Symbol.asyncDispose]: close };
}

/** The key projection of a cross-attention, as wide as the text embedding: what tells one Stable Diffusion from another. */
const crossAttentionKey = /(?:^|\.)attn2\.to_k$/;

/** Errors of a checkpoint that was trained on another Stable Diffusion than the base. */
export function requireSameBase(unet: TensorSource, adapters: readonly LoraAdapter[]): void {
  const weights = [...unet.names()].filter((name) => crossAttentionKey.test(name.replace(/\.weight$/, '')));
  for (const adapter of adapters) {
    const module = [...adapter.modules()].find((name) => crossAttentionKey.test(name));
    const half = module === undefined ? undefined : adapter.describe(module)?.a;
    // The same layer's where there is one: a base of another kind has its cross-attentions elsewhere.
    const weight = unet.describe(`${module ?? ''}.weight`) ?? unet.describe(weights[0] ?? '');
    if (half === undefined || weight === undefined) {
      continue;
    }
    const [rank = 0, width] = half.shape;
    const [, baseWidth = 0] = weight.shape;
    if (width !== baseWidth) {
      throw invalidCheckpoint(
        `Tensor "${half.name}" of ${adapter.description} has shape ${formatShape(half.shape)}; expected ` +
          `${formatShape([rank, baseWidth])}, as "${weight.name}" of ${unet.description} has ${formatShape(weight.shape)}. ` +
          `The checkpoint was made for ${familyOf(width)}; the base is ${familyOf(baseWidth)}.`,
        'Give the base model that the checkpoint was trained on; CycleGAN-Turbo and pix2pix-Turbo were on SD-Turbo.',
      );
    }
  }
}

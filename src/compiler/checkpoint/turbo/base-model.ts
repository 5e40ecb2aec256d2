import { openDiffusersPart } from '../diffusers-folder.js';
import { invalidCheckpoint } from '../invalid-checkpoint.js';
import type { LoraAdapter } from '../lora/adapter.js';
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
  const base = widthOfBase(unet);
  for (const adapter of base === undefined ? [] : adapters) {
    const module = [...adapter.modules()].find((name) => crossAttentionKey.test(name));
    const half = module === undefined ? undefined : adapter.describe(module)?.a;
    const width = half?.shape[1];
    if (base !== undefined && half !== undefined && width !== base.width) {
      const expected = [half.shape[0] ?? 0, base.width];
      throw invalidCheckpoint(
        `Tensor "${half.name}" of ${adapter.description} has shape ${formatShape(half.shape)}; expected ` +
          `${formatShape(expected)}, as "${base.name}" of ${unet.description} is ${formatShape(base.shape)}. ` +
          `The checkpoint was made for ${familyOf(width)}; the base is ${familyOf(base.width)}.`,
        'Give the base model that the checkpoint was trained on; CycleGAN-Turbo and pix2pix-Turbo were on SD-Turbo.',
      );
    }
  }
}

function widthOfBase(unet: TensorSource) {
  for (const name of unet.names()) {
    if (name.endsWith('.weight') && crossAttentionKey.test(name.slice(0, -'.weight'.length))) {
      const shape = unet.describe(name)?.shape ?? [];
      return { name, shape, width: shape[1] ?? 0 };
    }
  }
  return undefined;
}

function familyOf(width: number | undefined): string {
  switch (width) {
    case 768:
      return 'Stable Diffusion 1.x (text embedding of 768)';
    case 1024:
      return 'SD-Turbo or Stable Diffusion 2.x (text embedding of 1024)';
    case 2048:
      return 'Stable Diffusion XL (text embedding of 2048)';
    default:
      return `a network with a text embedding of ${width ?? 'unknown width'}`;
  }
}

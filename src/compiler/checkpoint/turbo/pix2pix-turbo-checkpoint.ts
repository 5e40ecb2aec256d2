import { LoraAdapter } from '../lora/adapter.js';
import { mergeLora, type LoraTensorSource } from '../lora/merge.js';
import { unwrapped } from '../lora/names.js';
import { requireTensor, type TensorSource } from '../tensor-source.js';
import { overlaid, renamed } from '../tensor-view.js';
import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { decoderOf, encoderOf, skipAutoencoder } from './autoencoder.js';
import { requireSameBase, type BaseModel } from './base-model.js';
import type { CheckpointFields } from './fields.js';

/** The two first convolutions of a stochastic model: out = (1 - r) * pretrained + r * current. */
const twinConvolutions = ['conv_in.conv_in_pretrained', 'conv_in.conv_in_curr'] as const;

/**
 * The weights in a checkpoint of pix2pix-Turbo, put together as
 * https://github.com/GaParmar/img2img-turbo/blob/main/src/pix2pix_turbo.py does: UNet and autoencoder are the base's, with
 * the checkpoint's `conv_in` and skip convolutions, and adapters of scale 8 / rank.
 */
export function readPix2PixTurbo(
  fields: CheckpointFields,
  base: BaseModel,
): { unet: LoraTensorSource; vaeEncoder: LoraTensorSource; vaeDecoder: LoraTensorSource; stochastic: boolean } {
  const unet = unwrapped(withoutPrefix(fields.tensors('state_dict_unet'), 'unet.'));
  const unetAdapter = new LoraAdapter(unet.adapter, {
    rank: fields.integer('rank_unet'),
    targetModules: fields.texts('unet_lora_target_modules'),
  });
  requireSameBase(base.unet, [unetAdapter]);
  const stochastic = [...unet.layers.names()].some((name) => twinConvolutions.some((twin) => name.startsWith(twin)));
  const vae = unwrapped(withoutPrefix(fields.tensors('state_dict_vae'), 'vae.'));
  const autoencoder = skipAutoencoder(
    overlaid(vae.layers.description, base.vae, vae.layers),
    vae.adapter,
    { rank: fields.integer('rank_vae'), targetModules: fields.texts('vae_lora_target_modules') },
    base.vae,
  );
  return {
    unet: mergeLora(unetLayers(base.unet, unet.layers, stochastic), unetAdapter),
    vaeEncoder: encoderOf(autoencoder),
    vaeDecoder: decoderOf(autoencoder),
    stochastic,
  };
}

/** The base's layers, with the checkpoint's first convolution, or pair of first convolutions, in place of its own. */
function unetLayers(base: TensorSource, own: TensorSource, stochastic: boolean): TensorSource {
  const kept = stochastic ? renamed(base, (name) => (name.startsWith('conv_in.') ? undefined : name)) : base;
  for (const name of own.names()) {
    const ofBase = name.replace(/^conv_in\.conv_in_(?:pretrained|curr)\./, 'conv_in.');
    const expected = base.describe(ofBase);
    if (expected === undefined) {
      throw invalidCheckpoint(`${own.description} has the tensor "${name}", which ${base.description} has not.`);
    }
    requireTensor(own, name, expected.shape);
  }
  for (const twin of stochastic ? twinConvolutions : []) {
    requireTensor(own, `${twin}.weight`);
    requireTensor(own, `${twin}.bias`);
  }
  return overlaid(own.description, kept, own);
}

/** The dictionary without a prefix that all of its names have. */
function withoutPrefix(source: TensorSource, prefix: string): TensorSource {
  return [...source.names()].every((name) => name.startsWith(prefix))
    ? renamed(source, (name) => name.slice(prefix.length))
    : source;
}

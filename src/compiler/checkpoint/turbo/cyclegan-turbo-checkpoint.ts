import { LoraAdapter, type LoraSettings } from '../lora/adapter.js';
import { mergeLora, type LoraTensorSource } from '../lora/merge.js';
import { unwrapped } from '../lora/names.js';
import type { TensorSource } from '../tensor-source.js';
import { scoped } from '../tensor-view.js';
import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { decoderOf, encoderOf, skipAutoencoder } from './autoencoder.js';
import { requireSameBase, type BaseModel } from './base-model.js';
import type { CheckpointFields } from './fields.js';

/** Which way a CycleGAN-Turbo translates: from its first domain to its second, or back. */
export type Direction = 'a2b' | 'b2a';

/** The dictionaries of the UNet's three adapters, and the lists of their layers, in full names. */
const unetAdapters = [
  ['sd_encoder', 'l_target_modules_encoder'],
  ['sd_decoder', 'l_target_modules_decoder'],
  ['sd_other', 'l_modules_others'],
] as const;

/** Where the autoencoder of a direction stands in `sd_vae_enc` and in `sd_vae_dec`. */
const autoencoderPrefix: Readonly<Record<Direction, string>> = { a2b: 'vae.', b2a: 'vae_b2a.' };

/**
 * The weights in a checkpoint of CycleGAN-Turbo, put together as `load_ckpt_from_state_dict` of
 * https://github.com/GaParmar/img2img-turbo/blob/main/src/cyclegan_turbo.py does: the UNet is the base's with three adapters
 * of scale 1; the autoencoders are the checkpoint's own, with an adapter of scale 8 / rank.
 */
export function readCycleGanTurbo(
  fields: CheckpointFields,
  base: BaseModel,
  direction: Direction,
): { unet: LoraTensorSource; vaeEncoder: LoraTensorSource; vaeDecoder: LoraTensorSource } {
  const rank = fields.integer('rank_unet');
  const adapters = unetAdapters.map(
    ([tensors, targets]) =>
      new LoraAdapter(fields.tensors(tensors), { rank, alpha: rank, targetModules: fields.texts(targets) }),
  );
  requireSameBase(base.unet, adapters);
  const settings = { rank: fields.integer('rank_vae'), targetModules: fields.texts('vae_lora_target_modules') };
  return {
    unet: mergeLora(base.unet, ...adapters),
    vaeEncoder: encoderOf(autoencoder(fields.tensors('sd_vae_enc'), direction, settings, base.vae)),
    vaeDecoder: decoderOf(autoencoder(fields.tensors('sd_vae_dec'), direction, settings, base.vae)),
  };
}

function autoencoder(
  both: TensorSource,
  direction: Direction,
  settings: LoraSettings,
  base: TensorSource,
): LoraTensorSource {
  const prefix = autoencoderPrefix[direction];
  const own = scoped(both, prefix);
  if ([...own.names()].length === 0) {
    throw invalidCheckpoint(
      `${both.description} has no tensor ${prefix}*, the autoencoder of the direction ${direction}.`,
      'Choose the other direction, or give a whole CycleGAN-Turbo checkpoint.',
    );
  }
  const { layers, adapter } = unwrapped(own);
  return skipAutoencoder(layers, adapter, settings, base);
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { ModelError } from '../../errors/errors.js';
import type { GeneratorConfiguration } from './one-step-generator.js';

const count = z.number().int().positive();

// Where diffusers leaves a key out of a file, it means its default, which is given here too.
const unet = z.object({
  in_channels: count.default(4),
  out_channels: count.default(4),
  block_out_channels: z.array(count).min(1),
  layers_per_block: count.default(2),
  down_block_types: z.array(z.enum(['CrossAttnDownBlock2D', 'DownBlock2D'])),
  up_block_types: z.array(z.enum(['CrossAttnUpBlock2D', 'UpBlock2D'])),
  attention_head_dim: z.union([count, z.array(count)]).default(8),
  cross_attention_dim: count.default(1280),
  transformer_layers_per_block: count.default(1),
  use_linear_projection: z.boolean().default(false),
  norm_num_groups: count.default(32),
  norm_eps: z.number().positive().default(1e-5),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  // What other members of the family have beside: this network knows none of it.
  addition_embed_type: z.null('has to be null: this is a network such as Stable Diffusion XL').optional(),
  class_embed_type: z.null().optional(),
  resnet_time_scale_shift: z.literal('default').optional(),
});

const vae = z.object({
  in_channels: count.default(3),
  out_channels: count.default(3),
  latent_channels: count.default(4),
  block_out_channels: z.array(count).length(4, 'has to name four blocks: each has a skip connection'),
  layers_per_block: count.default(1),
  norm_num_groups: count.default(32),
  scaling_factor: z.number().positive().default(0.18215),
});

const scheduler = z.object({
  num_train_timesteps: count.default(1000),
  beta_start: z.number().positive(),
  beta_end: z.number().positive(),
  beta_schedule: z.literal('scaled_linear'),
  prediction_type: z.literal('epsilon').default('epsilon'),
});

/**
 * The shapes of a base model, as the files of its folder in diffusers' layout say.
 *
 * @throws ModelError, naming the file and the key, when one is missing or says what the networks here can't be.
 */
export async function readBaseConfiguration(folder: string): Promise<GeneratorConfiguration> {
  return {
    unet: await read(path.join(folder, 'unet', 'config.json'), unet),
    vae: await read(path.join(folder, 'vae', 'config.json'), vae),
    scheduler: await read(path.join(folder, 'scheduler', 'scheduler_config.json'), scheduler),
  };
}

async function read<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw unfit(`${file} can't be read: ${(cause as Error).message}.`, cause);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues.map(({ path: keys, message }) => `${keys.join('.')}: ${message}`);
    throw unfit(`${file} describes another network than SD-Turbo's: ${faults.join('; ')}.`, result.error);
  }
  return result.data;
}

function unfit(message: string, cause: unknown): ModelError {
  return new ModelError('model-invalid', message, { remedy: 'Give the folder of SD-Turbo, whole.', cause });
}

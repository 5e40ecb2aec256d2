import { z } from 'zod';

import type { CompiledPrecision } from '../compiler/compile.js';
import { UsageError } from '../errors/errors.js';

/**
 * How a checkpoint is compiled.
 *
 * @group Models
 */
export interface CompileSettings {
  /**
   * Number format of the weights: `'fp32'` (default) for a CPU, `'fp16'` for a GPU at half the size, `'both'` for a package
   * that runs well on either.
   */
  readonly precision?: 'fp32' | 'fp16' | 'both' | undefined;
  /** What the network is told to make of the picture. Default: the prompt that the published model was trained with. */
  readonly prompt?: string | undefined;
  /**
   * What the autoencoder hands on of each frame: the middle of what it is sure of (`'mode'`, default), which doesn't
   * flicker, or a sample with noise, as the authors' program takes it.
   */
  readonly posterior?: 'mode' | 'sample' | undefined;
  /** Seed of every noise in the network, which is the same in every frame. Default 0. */
  readonly seed?: number | undefined;
}

export const compileSettingsShape = {
  precision: z.enum(['fp32', 'fp16', 'both']).optional(),
  prompt: z.string().trim().min(1).max(2000).optional(),
  posterior: z.enum(['mode', 'sample']).optional(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .optional(),
};

/** Checks options by a schema. Throws {@link UsageError} naming the one at fault. */
export function checkOptions<T>(schema: z.ZodType<T>, options: object): T {
  const result = schema.safeParse(options);
  if (!result.success) {
    const issue = result.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    throw new UsageError(`options${where === '' ? '' : `.${where}`}: ${issue?.message ?? 'not understood'}.`);
  }
  return result.data;
}

/** The precisions that a setting stands for. */
export function precisionsOf(precision: NonNullable<CompileSettings['precision']>): readonly CompiledPrecision[] {
  return precision === 'both' ? ['fp32', 'fp16'] : [precision];
}

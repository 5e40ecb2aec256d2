import { z } from 'zod';

import { defaultEffect } from '../catalogue/find-model.js';
import { UsageError } from '../errors/errors.js';
import { deviceNames } from '../generator/execution-providers.js';

/** How the input stands beside its translation: whole pictures side by side, or one picture split down the middle. */
const compareLayouts = ['side-by-side', 'split'] as const;

/** A point in time or a length: seconds ("12.5") or [HH:]MM:SS[.fraction]. */
const timePattern = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$/;

/** What each option may be, and its default. */
const translateOptionsSchema = z.strictObject({
  effect: z.string().min(1).default(defaultEffect),
  model: z.string().min(1).optional(),
  size: z
    .string()
    .regex(/^(source|\d{1,5}x\d{1,5}|\d{2,5}p)$/, 'a size is WIDTHxHEIGHT (1280x720), a height (720p) or "source"')
    .default('source'),
  workingSize: z.int().min(16).max(8192).optional(),
  start: z.union([z.number().nonnegative(), z.string().regex(timePattern, 'a time is seconds or HH:MM:SS')]).optional(),
  duration: z.union([z.number().positive(), z.string().regex(timePattern, 'a time is seconds or HH:MM:SS')]).optional(),
  frameRate: z.number().positive().max(1000).optional(),
  format: z
    .string()
    .regex(/^[a-z0-9_]+$/, 'a format is called what ffmpeg calls it, "matroska" for instance')
    .optional(),
  codec: z
    .string()
    .regex(/^[a-z0-9_-]+$/i, 'a codec is called what ffmpeg calls it, "libx264" for instance')
    .optional(),
  crf: z.number().min(0).max(63).optional(),
  preset: z
    .string()
    .regex(/^[a-z0-9_]+$/i)
    .optional(),
  device: z.enum(deviceNames).default('auto'),
  sessions: z.int().min(1).max(64).optional(),
  threads: z.int().min(1).max(256).optional(),
  strength: z.number().min(0).max(1).default(1),
  guidance: z.number().min(0).max(1).optional(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 24)
    .optional(),
  compare: z.enum(compareLayouts).optional(),
  overwrite: z.boolean().default(false),
  allowTruncated: z.boolean().default(false),
  ffmpeg: z.string().min(1).optional(),
});

/** Options with every default filled in. */
export type ResolvedTranslateOptions = z.output<typeof translateOptionsSchema>;

/** Checks the options of a translation and fills in the defaults. Throws {@link UsageError} naming the option. */
export function resolveTranslateOptions(options: object): ResolvedTranslateOptions {
  const result = translateOptionsSchema.safeParse(options);
  if (!result.success) {
    const issue = result.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    throw new UsageError(`options${where === '' ? '' : `.${where}`}: ${issue?.message ?? 'not understood'}.`);
  }
  return result.data;
}

/** Seconds of a time given as a number or as text that {@link translateOptionsSchema} let through. */
export function parseTime(time: number | string): number {
  if (typeof time === 'number') {
    return time;
  }
  const match = timePattern.exec(time);
  return Number(match?.[1] ?? 0) * 3600 + Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0);
}

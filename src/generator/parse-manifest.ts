import { z } from 'zod';

import { ModelError } from '../errors/errors.js';
import type { ModelCondition, ModelGraph, ModelManifest } from './manifest.js';

/** Format of manifests that this release reads. */
const manifestFormatVersion = 1;

const text = z.string().min(1);
const count = z.int().min(1);

// A plain name: no folder, no way out of the package's own folder, no hidden file.
const fileName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/,
    'must be the plain name of a file in the same folder (letters, digits, . _ + -)',
  );

const modelFile = z.object({
  file: fileName,
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
});

/** Each stage of a graph has a thread, and a frame under way, of its own: more are a mistake, or made to fill memory. */
const mostStages = 8;

const graph = modelFile.extend({
  precision: z.enum(['fp32', 'fp16', 'int8']),
  opset: count,
  splitAt: z
    .array(z.array(text).min(1))
    .min(1)
    .max(mostStages - 1)
    .refine((splits) => allDifferent((tensor: string) => tensor)(splits.flat()), { message: 'names a tensor twice' })
    .optional(),
  externalData: z.array(modelFile).optional(),
});

const condition = z
  .object({
    kind: z.enum(['strength', 'time', 'seed', 'guidance']),
    input: text,
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    default: z.number(),
  })
  .refine((c) => c.default >= (c.minimum ?? -Infinity) && c.default <= (c.maximum ?? Infinity), {
    path: ['default'],
    message: 'must lie between minimum and maximum',
  });

/** What is fed with a first frame is for the graph to broadcast; more than this is a mistake, or made to fill memory. */
const mostInitialNumbers = 2 ** 24;

const state = z.object({
  input: text,
  output: text,
  initialShape: z
    .array(count)
    .min(1)
    .refine((shape) => shape.reduce((product, size) => product * size, 1) <= mostInitialNumbers, {
      message: `must hold no more than ${mostInitialNumbers} numbers`,
    }),
  // JSON has no infinity, but 1e999 is read as one, and 1e39 becomes one as a float32.
  initial: z.number().refine((value) => Number.isFinite(Math.fround(value)), { message: 'must be a finite float32' }),
});

const input = z
  .object({
    name: text,
    sizeMultiple: count.default(2),
    minWidth: count,
    minHeight: count,
    maxWidth: count,
    maxHeight: count,
    workingSize: count.optional(),
  })
  .refine((i) => i.minWidth <= i.maxWidth && i.minHeight <= i.maxHeight, { message: 'minimum exceeds maximum' });

function allDifferent<T>(key: (item: T) => string): (items: readonly T[]) => boolean {
  return (items) => new Set(items.map(key)).size === items.length;
}

/** Every state has inputs and outputs of the graph to itself. */
function statesStandAlone({ conditions, states, input: frame, output }: ModelManifest): boolean {
  const others = conditions.map((item) => item.input);
  const inputs = states.map((item) => item.input);
  const outputs = states.map((item) => item.output);
  return (
    new Set([frame.name, ...others, ...inputs]).size === new Set([frame.name, ...others]).size + inputs.length &&
    new Set([output.name, ...outputs]).size === 1 + outputs.length
  );
}

// Strict on what it knows; keys it doesn't know are passed over, so that later releases can add some.
const manifestSchema: z.ZodType<ModelManifest> = z
  .object({
    formatVersion: z.literal(manifestFormatVersion),
    id: text.regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be lower-case letters, digits, . _ -'),
    effect: text.regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits, -'),
    title: text,
    description: text,
    version: text,
    licence: text,
    source: text,
    graphs: z
      .array(graph)
      .min(1)
      .refine(
        allDifferent((item: ModelGraph) => item.precision),
        { message: 'names a precision twice' },
      ),
    input,
    output: z.object({ name: text }),
    conditions: z.array(condition).refine(
      allDifferent((item: ModelCondition) => item.kind),
      { message: 'names a kind twice' },
    ),
    states: z.array(state).default([]),
    provenance: z.record(z.string(), z.unknown()),
    figures: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(statesStandAlone, {
    path: ['states'],
    message: 'names an input or output that is named elsewhere, too',
  });

/**
 * Reads the text of a manifest.
 *
 * @param json - Content of the file.
 * @param path - Where it is, for messages.
 */
export function parseManifest(json: string, path: string): ModelManifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid(`${path} is not JSON: ${(cause as Error).message}`, undefined, cause);
  }
  const version = formatVersionOf(value);
  if (version !== undefined && version !== manifestFormatVersion) {
    throw invalid(
      `${path} has formatVersion ${JSON.stringify(version)}; this release reads formatVersion ${manifestFormatVersion}.`,
      'Update vid2vid-turbo, or use a model package made for this release.',
    );
  }
  const result = manifestSchema.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${pathOf(issue.path)}: ${issue.message}`);
    throw invalid(`${path} is not a valid model manifest: ${faults.join('; ')}`, undefined, result.error);
  }
  return result.data;
}

function formatVersionOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'formatVersion' in value ? value.formatVersion : undefined;
}

function pathOf(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return steps.join('').replace(/^\./, '') || 'the whole';
}

function invalid(message: string, remedy: string | undefined, cause?: unknown): ModelError {
  return new ModelError('model-invalid', message, {
    remedy: remedy ?? 'Correct the manifest, or fetch the model package again.',
    cause,
  });
}

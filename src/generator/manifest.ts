import { z } from 'zod';

import { ModelError } from '../errors/errors.js';

/** Format of manifests that this release reads. */
const manifestFormatVersion = 1;

/**
 * Number format of a graph's weights and of its arithmetic.
 *
 * @group Models
 */
export type Precision = 'fp32' | 'fp16' | 'int8';

/**
 * A file of a model package, and how to tell that it is whole.
 *
 * @group Models
 */
export interface ModelFile {
  /** Plain name inside the package's folder. */
  readonly file: string;
  /** Its length. */
  readonly bytes: number;
  /** SHA-256 of its content, lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * One ONNX graph of a package. All graphs of a package draw the same picture, at different precisions.
 *
 * @group Models
 */
export interface ModelGraph extends ModelFile {
  /** Number format of its weights. */
  readonly precision: Precision;
  /** Version of the ONNX operators it uses. */
  readonly opset: number;
  /** Files beside it that hold its weights, where it is too large for one file. */
  readonly externalData?: readonly ModelFile[] | undefined;
}

/**
 * A number that a graph takes beside the frame.
 *
 * @group Models
 */
export interface ModelCondition {
  /** What the number means; users set it by this name. */
  readonly kind: 'strength' | 'time' | 'seed' | 'guidance';
  /** Name of the graph's input, one float32. */
  readonly input: string;
  /** Least value allowed. */
  readonly minimum?: number | undefined;
  /** Greatest value allowed. */
  readonly maximum?: number | undefined;
  /** Value where the user sets none. */
  readonly default: number;
}

/**
 * The graph's picture input: uint8, [1, height, width, 3], RGB; and the sizes it works at.
 *
 * @group Models
 */
export interface ModelInput {
  /** Name of the graph's input. */
  readonly name: string;
  /** Width and height are to be multiples of this. Default 2. */
  readonly sizeMultiple: number;
  /** Least width. */
  readonly minWidth: number;
  /** Least height. */
  readonly minHeight: number;
  /** Greatest width. */
  readonly maxWidth: number;
  /** Greatest height. */
  readonly maxHeight: number;
  /**
   * Pixels of the short side that the model was made for, in large models: larger pictures are scaled down to it and the
   * result back up, unless the user says otherwise. Without it pictures keep their size.
   */
  readonly workingSize?: number | undefined;
}

/**
 * What `manifest.json` of a model package says.
 *
 * @group Models
 */
export interface ModelManifest {
  /** Always 1. */
  readonly formatVersion: 1;
  /** Name of this model, unique among models. */
  readonly id: string;
  /** What it does to a picture; several models may share an effect. */
  readonly effect: string;
  /** Its name for people. */
  readonly title: string;
  /** One or two sentences. */
  readonly description: string;
  /** Version of the weights. */
  readonly version: string;
  /** SPDX identifier of the licence of the weights. */
  readonly licence: string;
  /** Where it comes from. */
  readonly source: string;
  /** The graphs, at least one. */
  readonly graphs: readonly ModelGraph[];
  /** The picture that goes in. */
  readonly input: ModelInput;
  /** The picture that comes out, of the same size and form. */
  readonly output: {
    /** Name of the graph's output. */
    readonly name: string;
  };
  /** Numbers the graph takes beside the frame. */
  readonly conditions: readonly ModelCondition[];
  /** How the weights were made: data, teacher, training. */
  readonly provenance: Readonly<Record<string, unknown>>;
  /** Measured quality and speed. */
  readonly figures?: Readonly<Record<string, unknown>> | undefined;
}

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

const graph = modelFile.extend({
  precision: z.enum(['fp32', 'fp16', 'int8']),
  opset: count,
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

// Strict on what it knows; keys it doesn't know are passed over, so that later releases can add some.
const manifestSchema: z.ZodType<ModelManifest> = z.object({
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
  provenance: z.record(z.string(), z.unknown()),
  figures: z.record(z.string(), z.unknown()).optional(),
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

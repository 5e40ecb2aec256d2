import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { ModelError, throwIfCanceled } from '../errors/errors.js';
import { type BaseConfiguration, openBase } from './base.js';
import { buildGenerator, type GeneratorInput, type GraphCondition } from './build-generator.js';
import { openTurboCheckpoint } from './checkpoint/turbo/open-turbo-checkpoint.js';
import { countMultiplications } from './multiplications.js';
import { encodePrompt } from './networks/encode-prompt.js';
import { sizeMultiple } from './networks/picture.js';
import { type WrittenModel, writeModel } from './onnx/model-writer.js';

/** Number format of a graph that this compiler writes. */
export type CompiledPrecision = 'fp32' | 'fp16';

/** What a model package is compiled from, and how. */
export interface CompileOptions {
  /** A `.pkl` file of CycleGAN-Turbo or pix2pix-Turbo. */
  readonly checkpoint: string;
  /**
   * SD-Turbo: its folder in diffusers' layout (`unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`), or its one
   * file, `sd_turbo.safetensors`.
   */
  readonly base: string;
  /** Folder of the tokenizer; needed where the base is one file, which has none. */
  readonly tokenizer?: string | undefined;
  /** Folder that is there and empty: the package is written into it, its manifest last. */
  readonly output: string;
  /** What the checkpoint has to be; `'auto'` takes either. Default `'auto'`. */
  readonly kind?: 'auto' | 'cyclegan-turbo' | 'pix2pix-turbo' | undefined;
  /** What the picture is to become. */
  readonly prompt: string;
  /** Which way a CycleGAN-Turbo goes. */
  readonly direction?: 'a2b' | 'b2a' | undefined;
  /** A graph for each, at least one. */
  readonly precision: readonly CompiledPrecision[];
  /** Default `'mode'`, which gives the same latent for the same picture. */
  readonly posterior?: 'mode' | 'sample' | undefined;
  /** Seed of every noise: that of `torch.manual_seed`. Default 0. */
  readonly seed?: number | undefined;
  /** What a pix2pix-Turbo is given. Default: a sketch for a stochastic one, edges for another, as published. */
  readonly input?: GeneratorInput | undefined;
  /** What the manifest says of the model. */
  readonly about: {
    readonly id: string;
    readonly effect: string;
    readonly title: string;
    readonly description: string;
    readonly licence: string;
    readonly source: string;
  };
  readonly signal?: AbortSignal | undefined;
  /** Told which part is under way, and which share of all is done. */
  readonly onProgress?: ((part: string, fraction: number) => void) | undefined;
  /** Told in one line what the user should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** What tests put in the place of the usual. */
export interface CompileDependencies {
  /** Shapes of a base that is one file, which doesn't say them itself. */
  readonly singleFile?: BaseConfiguration | undefined;
}

/** What was written. */
export interface CompiledPackage {
  readonly graphs: readonly (WrittenModel & { readonly precision: CompiledPrecision })[];
  /** Multiplications, each with its addition, of a frame of 512x512: by part, and `total`. */
  readonly multiplications: Readonly<Record<string, number>>;
}

const graphFiles: Readonly<Record<CompiledPrecision, string>> = { fp32: 'model.onnx', fp16: 'model.fp16.onnx' };

/** Short side that the published models were trained at. */
const workingSize = 512;

/** Share of the work that encoding the prompt is. */
const promptShare = 0.05;

/**
 * Compiles a checkpoint into a model package: one graph from frame to frame a precision, and the manifest. Weights are read,
 * merged, converted and written one after the other: memory doesn't grow with the model.
 *
 * @throws ModelError, naming file and tensor, when checkpoint and base are unsound or don't belong together. UsageError,
 *   when a direction is missing or too much.
 */
export async function compileModel(
  options: CompileOptions,
  { singleFile }: CompileDependencies = {},
): Promise<CompiledPackage> {
  const { output, precision, signal, onProgress } = options;
  const { posterior = 'mode', seed = 0, input } = options;
  await using base = await openBase(options.base, { tokenizer: options.tokenizer, singleFile });
  const { configuration } = base;
  await using tensors = await openTurboCheckpoint(options.checkpoint, base, { direction: options.direction });
  checkKind(options, tensors.kind);
  onProgress?.('prompt', 0);
  const prompt = await encodePrompt(base.promptEncoder, options.prompt, { signal, scratch: output });
  if (prompt.truncated) {
    options.onNotice?.(`The prompt is longer than the text encoder's ${prompt.rows} tokens: its end is left out.`);
  }

  const graphs: CompiledPackage['graphs'][number][] = [];
  let conditions: readonly GraphCondition[] = [];
  let multiplications: Readonly<Record<string, number>> = {};
  for (const [i, target] of precision.entries()) {
    throwIfCanceled(signal);
    const floatType = target === 'fp32' ? 'float32' : 'float16';
    const built = await buildGenerator(tensors, { configuration, prompt, posterior, seed, input, floatType });
    const written = await writeModel(built.graph, output, graphFiles[target], {
      signal,
      onProgress: (bytes, total) =>
        onProgress?.(`weights, ${target}`, promptShare + ((1 - promptShare) * (i + bytes / total)) / precision.length),
    });
    graphs.push({ ...written, precision: target });
    conditions = built.conditions;
    multiplications = countMultiplications(built.graph, { width: workingSize, height: workingSize });
  }
  throwIfCanceled(signal);
  const manifest = manifestOf(options, tensors.kind, graphs, conditions, multiplications);
  await writeFile(path.join(output, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return { graphs, multiplications };
}

function checkKind({ kind = 'auto', checkpoint }: CompileOptions, found: 'cyclegan-turbo' | 'pix2pix-turbo'): void {
  if (kind !== 'auto' && kind !== found) {
    throw new ModelError('model-invalid', `${checkpoint} is a ${found}, not a ${kind}.`, {
      remedy: `Give a checkpoint of ${kind}, or leave the kind to be found out.`,
    });
  }
}

function manifestOf(
  options: CompileOptions,
  kind: string,
  graphs: CompiledPackage['graphs'],
  conditions: readonly GraphCondition[],
  multiplications: Readonly<Record<string, number>>,
): object {
  const { about, checkpoint, base, prompt, direction, posterior = 'mode', seed = 0 } = options;
  return {
    formatVersion: 1,
    ...about,
    version: '1',
    graphs,
    input: {
      name: 'frame',
      sizeMultiple,
      minWidth: sizeMultiple,
      minHeight: sizeMultiple,
      maxWidth: 4096,
      maxHeight: 4096,
      workingSize,
    },
    output: { name: 'translated' },
    conditions,
    provenance: {
      compiledBy: 'vid2vid-turbo',
      kind,
      checkpoint: path.basename(checkpoint),
      base: path.basename(base),
      prompt,
      ...(direction === undefined ? {} : { direction }),
      posterior,
      seed,
    },
    figures: { [`multiplicationsAt${workingSize}x${workingSize}`]: multiplications },
  };
}

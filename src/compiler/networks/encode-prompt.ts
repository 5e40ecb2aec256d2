import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onnxruntime-node';

import { ModelError, throwIfCanceled } from '../../errors/errors.js';
import type { TensorSource } from '../checkpoint/tensor-source.js';
import { GraphBuilder, type Value } from '../onnx/graph-builder.js';
import { writeModel } from '../onnx/model-writer.js';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.js';
import {
  clipEncoderLayer,
  clipFinalLayerNorm,
  type ClipTextConfiguration,
  clipTextConfiguration,
  clipTextEmbeddings,
} from './clip-text-encoder.js';

/** What a prompt is encoded with: parts of a base model. */
export interface PromptEncoder {
  readonly tokenizer: ClipTokenizer;
  readonly configuration: ClipTextConfiguration;
  /** Weights of the text encoder, by transformers' names. */
  readonly weights: TensorSource;
}

/** A prompt as the UNet takes it; fits what networks call `ConstantTokens`. */
export interface EncodedText {
  /** Tokens: 77. */
  readonly rows: number;
  /** Numbers a token: 1024 of SD-Turbo. */
  readonly width: number;
  /** [rows, width], row-major: the last hidden state of the text encoder. */
  readonly read: () => Promise<Float32Array>;
  /** Whether the prompt was too long, and its end left out. */
  readonly truncated: boolean;
}

export interface EncodePromptOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where layers are put while they run; the system's folder for temporary files where left out. */
  readonly scratch?: string | undefined;
}

/**
 * Encodes a prompt. The text encoder is compiled and run a layer at a time, so that one layer's weights, 50 MB of
 * SD-Turbo's 1.4 GB, are all that is held.
 */
export async function encodePrompt(
  { tokenizer, configuration, weights }: PromptEncoder,
  prompt: string,
  { signal, scratch = tmpdir() }: EncodePromptOptions = {},
): Promise<EncodedText> {
  const { ids, truncated } = tokenizer.encode(prompt);
  const [rows, width] = [ids.length, configuration.hidden_size];
  const source = { weights };
  const directory = await mkdtemp(path.join(scratch, 'vid2vid-turbo-prompt-'));
  const run = (build: (graph: GraphBuilder, hidden: Value) => Value, state: Tensor) => {
    throwIfCanceled(signal);
    return runStage(directory, build, state);
  };
  try {
    let hidden = await run(
      (graph, tokens) => clipTextEmbeddings(graph, source, configuration, tokens),
      new Tensor('int64', BigInt64Array.from(ids, BigInt), [rows]),
    );
    for (let layer = 0; layer < configuration.num_hidden_layers; layer++) {
      hidden = await run((graph, x) => clipEncoderLayer(graph, source, configuration, layer, x), hidden);
    }
    hidden = await run((graph, x) => clipFinalLayerNorm(graph, source, configuration, x), hidden);
    const embedding = Float32Array.from(hidden.data as Float32Array);
    return { rows, width, read: () => Promise.resolve(embedding.slice()), truncated };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @throws ModelError, when it can't be read or isn't that of a CLIP text encoder. */
export async function readClipTextConfiguration(file: string): Promise<ClipTextConfiguration> {
  try {
    return clipTextConfiguration.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new ModelError('model-invalid', `${file} does not describe a CLIP text encoder.`, {
      remedy: "Give a base model in diffusers' layout, with text_encoder/config.json, as SD-Turbo has.",
      cause,
    });
  }
}

/** Builds one stage as a graph of its own, and runs it. */
async function runStage(
  directory: string,
  build: (graph: GraphBuilder, state: Value) => Value,
  state: Tensor,
): Promise<Tensor> {
  const graph = new GraphBuilder('text-encoder');
  const type = state.type === 'int64' ? 'int64' : 'float32';
  graph.output('result', build(graph, graph.input('state', type, state.dims)));
  const { file } = await writeModel(graph, directory);
  const session = await InferenceSession.create(path.join(directory, file), {
    logSeverityLevel: 3,
    enableCpuMemArena: false,
    graphOptimizationLevel: 'disabled',
  });
  try {
    const { result } = await session.run({ state });
    if (result === undefined) {
      throw new ModelError('inference-failed', 'The text encoder gave no result.');
    }
    return result;
  } finally {
    await session.release();
  }
}

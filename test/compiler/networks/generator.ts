import path from 'node:path';

import type { Tensor } from 'onnxruntime-node';

import type { MemoryTensor } from '../../../dist/compiler/checkpoint/memory-tensor-source.js';
import { openBaseModel } from '../../../dist/compiler/checkpoint/turbo/base-model.js';
import { openTurboCheckpoint } from '../../../dist/compiler/checkpoint/turbo/open-turbo-checkpoint.js';
import type { GeneratorConfiguration, GeneratorStages } from '../../../dist/compiler/networks/one-step-generator.js';
import { floorDivide, symbol } from '../../../dist/compiler/onnx/dimension.js';
import type { GraphBuilder, Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { cast } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { expectClose, golden, networkFixtures, readJson, readTensors } from './golden.js';

/** One case of a generator's golden data. */
export interface GoldenCase {
  readonly key: string;
  readonly direction?: 'a2b' | 'b2a';
  readonly width: number;
  readonly height: number;
  readonly guidance?: number;
  readonly posterior: 'mode' | 'sample';
}

/** The tiny base's configuration. */
export const tinyConfiguration = {
  unet: { transformer_layers_per_block: 1, ...(readJson('base/unet/config.json') as object) },
  vae: readJson('base/vae/config.json'),
  scheduler: readJson('base/scheduler/scheduler_config.json'),
} as GeneratorConfiguration;

const embeddings = readTensors('text');

/** A prompt of the golden data, as transformers encodes it. */
export function promptOf(name: 'a2b' | 'b2a' | 'edge' | 'sketch') {
  const { shape, data } = golden(embeddings, `${name}/embedding`);
  return { rows: shape[1] ?? 0, width: shape[2] ?? 0, read: () => Promise.resolve(Float32Array.from(data)) };
}

/** A checkpoint of the golden data, opened on the tiny base for as long as `use` runs. */
export async function withCheckpoint<T>(
  name: string,
  direction: 'a2b' | 'b2a' | undefined,
  use: (tensors: Awaited<ReturnType<typeof openTurboCheckpoint>>) => Promise<T>,
): Promise<T> {
  await using base = await openBaseModel(path.join(networkFixtures, 'base'));
  await using tensors = await openTurboCheckpoint(path.join(networkFixtures, `${name}.pkl`), base, { direction });
  return await use(tensors);
}

/** Noise of the latent's shape, to be fed. */
export function noiseInput(graph: GraphBuilder, name: string): Value {
  const latentShape = [1, 4, floorDivide(symbol('height', 8), 8), floorDivide(symbol('width', 8), 8)];
  return graph.input(name, 'float32', latentShape);
}

/** Every stage as an output of its own, float32, by the golden data's names. */
export function outputStages(graph: GraphBuilder, { latent, prediction, denoised, picture }: GeneratorStages): void {
  for (const [name, value] of Object.entries({ latent, epsilon: prediction, x0: denoised, output: picture })) {
    graph.output(name, cast(graph, value, 'float32'));
  }
}

/** Fails unless every stage is within a thousandth of the golden data's range. */
export function expectStages(
  found: Readonly<Record<string, Tensor>>,
  goldens: Readonly<Record<string, MemoryTensor>>,
  key: string,
): void {
  for (const stage of ['latent', 'epsilon', 'x0', 'output']) {
    expectClose(found[stage], golden(goldens, `${key}/${stage}`));
  }
}

/**
 * Every rule of the generators that is easily broken is broken on purpose in `*-traps.test.ts`: the output has to move as far as
 * the reference's own moves when it breaks the same rule (`traps.json`). What the golden data tells apart in this way, the
 * compiler can't be wrong in without failing its golden tests.
 */
import type { Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';

import type { LoraTensorSource } from '../../../dist/compiler/checkpoint/lora/merge.js';
import type { NetworkSource } from '../../../dist/compiler/networks/layers/module.js';
import type { GeneratorOptions } from '../../../dist/compiler/networks/one-step-generator.js';
import type { GraphBuilder, Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { cast } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { runGraph } from '../run-graph.js';
import { readJson, readTensors } from './golden.js';

const traps = readJson('traps.json') as Readonly<Record<string, number>>;
export const frames = readTensors('frames');
export const size = { width: 64, height: 64 };

/** The weights of a generator, with their adapters. */
export type Parts = Readonly<Record<'unet' | 'vaeEncoder' | 'vaeDecoder', LoraTensorSource>>;

/** Adapters merged at another strength than the right one. */
export function atStrength(source: LoraTensorSource, factor: number): NetworkSource {
  return {
    weights: {
      ...view(source),
      read: async (name) => {
        const [plain, full] = [await source.unmerged.read(name), await source.read(name)];
        return plain.map((value, i) => value + factor * ((full[i] ?? NaN) - value));
      },
    },
  };
}

/** A source as an object whose methods may be replaced. */
function view(source: LoraTensorSource) {
  return {
    description: source.description,
    names: () => source.names(),
    describe: (name: string) => source.describe(name),
    read: (name: string) => source.read(name),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** As they are to be: every adapter merged at its own scale. */
export function merged({ unet, vaeEncoder, vaeDecoder }: Parts): GeneratorOptions['parts'] {
  return { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } };
}

/** The autoencoder's adapter at another strength, in both of its halves. */
export function vaeAtStrength(parts: Parts, factor: number): GeneratorOptions['parts'] {
  const { vaeEncoder, vaeDecoder } = parts;
  return {
    ...merged(parts),
    vaeEncoder: atStrength(vaeEncoder, factor),
    vaeDecoder: atStrength(vaeDecoder, factor),
  };
}

/** Runs a graph on the frame of 64x64; gives its picture. */
export async function outputOf(
  graph: GraphBuilder,
  picture: Value,
  feeds: Record<string, Tensor>,
): Promise<Float32Array> {
  graph.output('output', cast(graph, picture, 'float32'));
  const { output } = await runGraph(graph, feeds, size);
  return output?.data as Float32Array;
}

/** The greatest difference of two outputs. */
export function distance(found: Float32Array, right: ArrayLike<number>): number {
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - (right[i] ?? NaN))), 0);
}

/** That breaking a rule moves the output as far as it moves the reference's. */
export function expectTrap(name: string, found: Float32Array, right: ArrayLike<number>): void {
  const moved = distance(found, right);
  const expected = traps[name] ?? NaN;
  expect(expected).toBeGreaterThan(0.02);
  expect(moved).toBeGreaterThan(0.02);
  // A sample is drawn anew each time; all else is the same arithmetic.
  expect(Math.abs(moved - expected)).toBeLessThan(name.endsWith('posterior sampled') ? 2 : 0.02);
}

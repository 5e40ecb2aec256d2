import { describe, expect, it } from 'vitest';

import { cannyEdges } from '../../../dist/compiler/networks/canny.js';
import { type GeneratorOptions, oneStepGenerator } from '../../../dist/compiler/networks/one-step-generator.js';
import { frameInput, toPicture } from '../../../dist/compiler/networks/picture.js';
import { sketch } from '../../../dist/compiler/networks/pix2pix-turbo.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { multiply, subtract } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { runGraph } from '../run-graph.js';
import { promptOf, tinyConfiguration, withCheckpoint } from './generator.js';
import { feed, golden, readTensors } from './golden.js';
import { atStrength, expectTrap, frames, merged, outputOf, type Parts, vaeAtStrength } from './traps.js';

describe('a trap of pix2pix-Turbo', () => {
  const goldens = readTensors('pix2pix-turbo');
  const right = golden(goldens, '64x64/mode/output').data;

  async function run(
    parts: (right: Parts) => GeneratorOptions['parts'],
    prepare: (graph: GraphBuilder, edges: Value) => Value = (_, edges) => edges,
  ): Promise<Float32Array> {
    return withCheckpoint('pix2pix-turbo', undefined, (own) => {
      const graph = new GraphBuilder('trap');
      const edges = prepare(graph, toPicture(graph, frameInput(graph), 0, 1, 'float32'));
      const options = { parts: parts(own), configuration: tinyConfiguration, prompt: promptOf('edge') };
      const { data } = golden(goldens, '64x64/mode/edges');
      const pixels = Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)] ?? 0);
      const frame = feed({ pixels: { shape: [1, 64, 64, 3], data: pixels } }, 'pixels');
      return outputOf(graph, oneStepGenerator(graph, edges, options).picture, { frame });
    });
  }

  it.each<[string, ...Parameters<typeof run>]>([
    ['pix2pix-turbo: pixels in [-1, 1]', merged, (graph, edges) => subtract(graph, multiply(graph, edges, 2), 1)],
    [
      'pix2pix-turbo: edges black on white',
      merged,
      (graph, edges) => subtract(graph, graph.scalar(1, 'float32'), edges),
    ],
    // alpha = 8 is left for both: the UNet has rank 3, the autoencoder rank 2.
    ['pix2pix-turbo: UNet adapter at scale 1', (own) => ({ ...merged(own), unet: atStrength(own.unet, 3 / 8) })],
    ['pix2pix-turbo: VAE adapter at scale 1', (own) => vaeAtStrength(own, 2 / 8)],
  ])('%s', async (name, parts, prepare) => {
    expectTrap(name, await run(parts, prepare), right);
  });
});

describe('what enters a pix2pix-Turbo', () => {
  it('of a frame are its edges, white on black, 0 to 1, as OpenCV finds them', async () => {
    const goldens = readTensors('pix2pix-turbo');
    for (const key of ['64x64', '128x72', '104x56']) {
      const [width = 0, height = 0] = key.split('x').map(Number);
      const graph = new GraphBuilder('edges');
      graph.output('edges', cannyEdges(graph, frameInput(graph)));
      const { edges } = await runGraph(graph, { frame: feed(frames, key) }, { width, height });
      const expected = golden(goldens, `${key}/mode/edges`).data;
      expect(edges?.dims).toEqual([1, 3, height, width]);
      const found = edges?.data as Float32Array;
      expect(found.every((value, i) => value === (expected[i % expected.length] ?? NaN) / 255)).toBe(true);
      // Mostly black: what is white on black, and not black on white.
      expect(found.reduce((sum, value) => sum + value, 0) / found.length).toBeLessThan(0.4);
    }
  });

  it('of a sketch is white where a channel is darker than half, and black where it is not', async () => {
    const graph = new GraphBuilder('sketch');
    graph.output('strokes', sketch(graph, frameInput(graph)));
    const levels = Uint8Array.from({ length: 3 * 64 }, (_, i) => [0, 127, 128, 255][i % 4] ?? 0);
    const frame = feed({ pixels: { shape: [1, 8, 8, 3], data: levels } }, 'pixels');
    const { strokes } = await runGraph(graph, { frame }, { width: 8, height: 8 });
    const found = strokes?.data as Float32Array;
    levels.forEach((level, i) => {
      expect(found[(i % 3) * 64 + Math.floor(i / 3)], `level ${level}`).toBe(level / 255 < 0.5 ? 1 : 0);
    });
  });
});

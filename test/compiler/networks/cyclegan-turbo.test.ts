import type { Tensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';

import { mode, sample } from '../../../dist/compiler/networks/autoencoder-kl.js';
import { cycleGanTurbo } from '../../../dist/compiler/networks/cyclegan-turbo.js';
import { frameInput, frameOutput } from '../../../dist/compiler/networks/picture.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';
import { GraphStore, runModel } from '../run-graph.js';
import {
  expectStages,
  type GoldenCase,
  noiseInput,
  outputStages,
  promptOf,
  tinyConfiguration,
  withCheckpoint,
} from './generator.js';
import { feed, golden, readJson, readTensors, relativeDistance } from './golden.js';

const goldens = readTensors('cyclegan-turbo');
const frames = readTensors('frames');
const cases = readJson('cyclegan-turbo.json') as readonly GoldenCase[];

interface Changes {
  readonly direction?: 'a2b' | 'b2a';
  readonly prompt?: 'a2b' | 'b2a';
  readonly floatType?: 'float32' | 'float16';
}

const store = new GraphStore();
afterAll(() => store.close());

async function run(testCase: GoldenCase, changes: Changes = {}): Promise<Readonly<Record<string, Tensor>>> {
  const { key, width, height, posterior, direction = 'a2b' } = testCase;
  const { prompt = direction, floatType = 'float32' } = changes;
  const weights = changes.direction ?? direction;
  const file = await store.file([weights, prompt, floatType, posterior].join(' '), (directory, name) =>
    withCheckpoint('cyclegan-turbo', weights, ({ unet, vaeEncoder, vaeDecoder }) => {
      const graph = new GraphBuilder('cyclegan-turbo', floatType);
      const frame = frameInput(graph);
      const stages = cycleGanTurbo(graph, frame, {
        parts: { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } },
        configuration: tinyConfiguration,
        prompt: promptOf(prompt),
        posterior: posterior === 'mode' ? mode : sample(noiseInput(graph, 'noise')),
      });
      outputStages(graph, stages);
      frameOutput(graph, stages.picture);
      return writeModel(graph, directory, name);
    }),
  );
  const feeds = {
    frame: feed(frames, `${width}x${height}`),
    ...(posterior === 'sample' ? { noise: feed(goldens, `${key}/noise`) } : {}),
  };
  return runModel(file, feeds, { height, width });
}

describe('CycleGAN-Turbo', () => {
  it.each(cases)('computes what the reference computes: $key', async (testCase) => {
    const found = await run(testCase);
    expectStages(found, goldens, testCase.key);
    // The frame that comes out is the picture in 256 levels, rows of pixels.
    const { translated, output } = found;
    const { width, height } = testCase;
    expect(translated?.dims).toEqual([1, height, width, 3]);
    const picture = output?.data as Float32Array;
    const levels = translated?.data as Uint8Array;
    for (let i = 0; i < width * height; i += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const level = ((picture[channel * width * height + i] ?? NaN) + 1) * 127.5;
        expect(Math.abs((levels[3 * i + channel] ?? NaN) - level)).toBeLessThanOrEqual(0.501);
      }
    }
  });

  it('has another autoencoder and another prompt for its other direction', async () => {
    const [testCase] = cases;
    const output = golden(goldens, `${testCase?.key ?? ''}/output`);
    for (const changes of [{ direction: 'b2a' }, { prompt: 'b2a' }] as const) {
      const { output: found } = await run(testCase ?? expect.fail(), changes);
      expect(relativeDistance(found, output)).toBeGreaterThan(0.02);
    }
  });

  it('draws the same picture in half precision, but for a few levels', async () => {
    const [testCase] = cases;
    const exact = (await run(testCase ?? expect.fail())).translated?.data as Uint8Array;
    const half = (await run(testCase ?? expect.fail(), { floatType: 'float16' })).translated?.data as Uint8Array;
    const differences = exact.map((level, i) => Math.abs(level - (half[i] ?? 0)));
    expect(differences.reduce((sum, difference) => sum + difference, 0) / differences.length).toBeLessThan(2);
  });
});

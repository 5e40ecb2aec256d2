import { Tensor } from 'onnxruntime-node';
import { afterAll, describe, it } from 'vitest';

import { mode, sample } from '../../../dist/compiler/networks/autoencoder-kl.js';
import { Adapter } from '../../../dist/compiler/networks/layers/adapter.js';
import { frameInput } from '../../../dist/compiler/networks/picture.js';
import { asItIs, pix2pixTurbo, sketch } from '../../../dist/compiler/networks/pix2pix-turbo.js';
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
import { feed, golden, readJson, readTensors } from './golden.js';

const frames = readTensors('frames');
const store = new GraphStore();
afterAll(() => store.close());

function posteriorOf(graph: GraphBuilder, posterior: 'mode' | 'sample') {
  return posterior === 'mode' ? mode : sample(noiseInput(graph, 'noise'));
}

describe('pix2pix-Turbo', () => {
  const goldens = readTensors('pix2pix-turbo');
  const cases = readJson('pix2pix-turbo.json') as readonly GoldenCase[];

  it.each(cases)('computes what the reference computes from edges: $key', async ({ key, width, height, posterior }) => {
    const file = await store.file(`edges ${posterior}`, (directory, name) =>
      withCheckpoint('pix2pix-turbo', undefined, ({ unet, vaeEncoder, vaeDecoder }) => {
        const graph = new GraphBuilder('pix2pix-turbo');
        const stages = pix2pixTurbo(graph, asItIs(graph, frameInput(graph)), {
          parts: { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } },
          configuration: tinyConfiguration,
          prompt: promptOf('edge'),
          posterior: posteriorOf(graph, posterior),
        });
        outputStages(graph, stages);
        return writeModel(graph, directory, name);
      }),
    );
    const { data } = golden(goldens, `${width}x${height}/mode/edges`);
    const edges = Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)] ?? 0);
    const feeds = {
      frame: new Tensor('uint8', edges, [1, height, width, 3]),
      ...(posterior === 'sample' ? { noise: feed(goldens, `${key}/noise`) } : {}),
    };
    expectStages(await runModel(file, feeds, { height, width }), goldens, key);
  });
});

describe('the stochastic pix2pix-Turbo', () => {
  const goldens = readTensors('pix2pix-turbo-stochastic');
  const cases = readJson('pix2pix-turbo-stochastic.json') as readonly GoldenCase[];

  it.each(cases)('takes its guidance at run time: $key', async ({ key, width, height, guidance = NaN, posterior }) => {
    // One graph for every guidance.
    const file = await store.file(`sketch ${posterior}`, (directory, name) =>
      withCheckpoint('pix2pix-turbo-stochastic', undefined, async (tensors) => {
        const graph = new GraphBuilder('pix2pix-turbo');
        const frame = frameInput(graph);
        const strength = graph.input('guidance', 'float32', [1]);
        const noise = noiseInput(graph, 'noise_map');
        const part = async (source: typeof tensors.unet) => ({
          weights: source.unmerged,
          adapter: await Adapter.create(source, strength),
        });
        const options = {
          parts: {
            unet: await part(tensors.unet),
            vaeEncoder: await part(tensors.vaeEncoder),
            vaeDecoder: await part(tensors.vaeDecoder),
          },
          configuration: tinyConfiguration,
          prompt: promptOf('sketch'),
          posterior: posteriorOf(graph, posterior),
        };
        outputStages(
          graph,
          pix2pixTurbo(graph, sketch(graph, frame), options, { guidance: strength, noise: () => noise }),
        );
        return writeModel(graph, directory, name);
      }),
    );
    const feeds = {
      frame: feed(frames, `${width}x${height}`),
      guidance: new Tensor('float32', Float32Array.of(guidance), [1]),
      noise_map: feed(goldens, `${key}/noise_map`),
      ...(posterior === 'sample' ? { noise: feed(goldens, `${key}/noise`) } : {}),
    };
    expectStages(await runModel(file, feeds, { height, width }), goldens, key);
  });
});

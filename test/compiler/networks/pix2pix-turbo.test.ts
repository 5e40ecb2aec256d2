import { Tensor } from 'onnxruntime-node';
import { describe, it } from 'vitest';

import { mode, sample } from '../../../dist/compiler/networks/autoencoder-kl.js';
import { Adapter } from '../../../dist/compiler/networks/layers/adapter.js';
import { frameInput } from '../../../dist/compiler/networks/picture.js';
import { asItIs, pix2pixTurbo, sketch } from '../../../dist/compiler/networks/pix2pix-turbo.js';
import { floorDivide, symbol } from '../../../dist/compiler/onnx/dimension.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { runGraph } from '../run-graph.js';
import { type GoldenCase, promptOf, tinyConfiguration, withCheckpoint } from './generator.js';
import { expectClose, feed, golden, readJson, readTensors } from './golden.js';

const frames = readTensors('frames');
const stagesCompared = ['latent', 'epsilon', 'x0', 'output'] as const;

function noiseInput(graph: GraphBuilder, name: string): Value {
  const latentShape = [1, 4, floorDivide(symbol('height', 8), 8), floorDivide(symbol('width', 8), 8)];
  return graph.input(name, 'float32', latentShape);
}

describe('pix2pix-Turbo', () => {
  const goldens = readTensors('pix2pix-turbo');
  const cases = readJson('pix2pix-turbo.json') as readonly GoldenCase[];

  it.each(cases)('computes what the reference computes from edges: $key', async ({ key, width, height, posterior }) => {
    const found = await withCheckpoint('pix2pix-turbo', undefined, ({ unet, vaeEncoder, vaeDecoder }) => {
      const graph = new GraphBuilder('pix2pix-turbo');
      const { latent, prediction, denoised, picture } = pix2pixTurbo(graph, asItIs(graph, frameInput(graph)), {
        parts: { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } },
        configuration: tinyConfiguration,
        prompt: promptOf('edge'),
        posterior: posterior === 'mode' ? mode : sample(noiseInput(graph, 'noise')),
      });
      [latent, prediction, denoised, picture].forEach((value, i) => graph.output(stagesCompared[i] ?? '', value));
      const { data } = golden(goldens, `${width}x${height}/mode/edges`);
      const edges = Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)] ?? 0);
      const feeds = {
        frame: new Tensor('uint8', edges, [1, height, width, 3]),
        ...(posterior === 'sample' ? { noise: feed(goldens, `${key}/noise`) } : {}),
      };
      return runGraph(graph, feeds, { height, width });
    });
    for (const stage of stagesCompared) {
      expectClose(found[stage], golden(goldens, `${key}/${stage}`));
    }
  });
});

describe('the stochastic pix2pix-Turbo', () => {
  const goldens = readTensors('pix2pix-turbo-stochastic');
  const cases = readJson('pix2pix-turbo-stochastic.json') as readonly GoldenCase[];

  it.each(cases)('takes its guidance at run time: $key', async ({ key, width, height, guidance = NaN, posterior }) => {
    const found = await withCheckpoint('pix2pix-turbo-stochastic', undefined, async (tensors) => {
      const graph = new GraphBuilder('pix2pix-turbo');
      const frame = frameInput(graph);
      const strength = graph.input('guidance', 'float32', [1]);
      const noise = noiseInput(graph, 'noise_map');
      const part = async (source: typeof tensors.unet) => ({
        weights: source.unmerged,
        adapter: await Adapter.create(source, strength),
      });
      const parts = {
        unet: await part(tensors.unet),
        vaeEncoder: await part(tensors.vaeEncoder),
        vaeDecoder: await part(tensors.vaeDecoder),
      };
      const { latent, prediction, denoised, picture } = pix2pixTurbo(
        graph,
        sketch(graph, frame),
        {
          parts,
          configuration: tinyConfiguration,
          prompt: promptOf('sketch'),
          posterior: posterior === 'mode' ? mode : sample(noiseInput(graph, 'noise')),
        },
        { guidance: strength, noise: () => noise },
      );
      [latent, prediction, denoised, picture].forEach((value, i) => graph.output(stagesCompared[i] ?? '', value));
      const feeds = {
        frame: feed(frames, `${width}x${height}`),
        guidance: new Tensor('float32', Float32Array.of(guidance), [1]),
        noise_map: feed(goldens, `${key}/noise_map`),
        ...(posterior === 'sample' ? { noise: feed(goldens, `${key}/noise`) } : {}),
      };
      return runGraph(graph, feeds, { height, width });
    });
    for (const stage of stagesCompared) {
      expectClose(found[stage], golden(goldens, `${key}/${stage}`));
    }
  });
});

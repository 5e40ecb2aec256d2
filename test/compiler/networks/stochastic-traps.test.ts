import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LoraTensorSource } from '../../../dist/compiler/checkpoint/lora/merge.js';
import { Adapter } from '../../../dist/compiler/networks/layers/adapter.js';
import type { NetworkSource } from '../../../dist/compiler/networks/layers/module.js';
import { oneStepGenerator } from '../../../dist/compiler/networks/one-step-generator.js';
import { frameInput } from '../../../dist/compiler/networks/picture.js';
import { sketch, twinConvIn } from '../../../dist/compiler/networks/pix2pix-turbo.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';
import { add, multiply, subtract } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { GraphStore, loadModel } from '../run-graph.js';
import { noiseInput, promptOf, tinyConfiguration, withCheckpoint } from './generator.js';
import { feed, golden, readTensors } from './golden.js';
import { distance, expectTrap, frames, size } from './traps.js';

describe('a trap of the stochastic pix2pix-Turbo: a guidance that is forgotten', () => {
  const goldens = readTensors('pix2pix-turbo-stochastic');
  const key = '64x64/0.4';
  const right = golden(goldens, `${key}/output`).data;

  const usual = { unet: 0.4, vae: 0.4, mix: 0.4, pair: 0.4, gamma: 0.4 };
  const store = new GraphStore();
  let session: InferenceSession;
  beforeAll(async () => {
    session = await loadModel(await store.file('guidance', write), size);
  });
  afterAll(async () => {
    await session.release();
    await store.close();
  });

  /** One graph, which is told the guidance in each of the five places by itself. */
  function write(directory: string, name: string): Promise<unknown> {
    return withCheckpoint('pix2pix-turbo-stochastic', undefined, async (own) => {
      const graph = new GraphBuilder('trap');
      const frame = frameInput(graph);
      const given = (place: keyof typeof usual) => graph.input(place, 'float32', [1]);
      const restOf = (value: Value) => subtract(graph, graph.constant([1], 'float32'), value);
      const part = async (source: LoraTensorSource, strength: Value): Promise<NetworkSource> => ({
        weights: source.unmerged,
        adapter: await Adapter.create(source, strength),
      });
      const [vae, mix, pair] = [given('vae'), given('mix'), given('pair')];
      const parts = {
        unet: await part(own.unet, given('unet')),
        vaeEncoder: await part(own.vaeEncoder, vae),
        vaeDecoder: await part(own.vaeDecoder, vae),
      };
      const noise = noiseInput(graph, 'noise_map');
      const { picture } = oneStepGenerator(
        graph,
        sketch(graph, frame),
        { parts, configuration: tinyConfiguration, prompt: promptOf('sketch') },
        {
          mixLatent: (latent) => add(graph, multiply(graph, latent, mix), multiply(graph, noise, restOf(mix))),
          convIn: twinConvIn(pair, restOf(pair)),
          skipGamma: given('gamma'),
        },
      );
      graph.output('output', picture);
      return writeModel(graph, directory, name);
    });
  }

  async function run(wrong: Partial<typeof usual>): Promise<Float32Array> {
    const given = Object.entries({ ...usual, ...wrong }).map(([place, value]) => [
      place,
      new Tensor('float32', Float32Array.of(value), [1]),
    ]);
    const feeds = { frame: feed(frames, '64x64'), noise_map: feed(goldens, `${key}/noise_map`) };
    const all = { ...feeds, ...(Object.fromEntries(given) as Record<string, Tensor>) };
    const { output } = await session.run(all);
    return output?.data as Float32Array;
  }

  it('is none where no rule is broken', async () => {
    expect(distance(await run({}), right)).toBeLessThan(2e-3);
  });

  it.each<[string, Parameters<typeof run>[0]]>([
    ['stochastic: UNet adapter not scaled by r', { unet: 1 }],
    ['stochastic: VAE adapter not scaled by r', { vae: 1 }],
    ['stochastic: noise not mixed in', { mix: 1 }],
    ['stochastic: conv_in pair not mixed', { pair: 1 }],
    ['stochastic: skips not scaled by r', { gamma: 1 }],
  ])('%s', async (name, wrong) => {
    expectTrap(name, await run(wrong), right);
  });
});

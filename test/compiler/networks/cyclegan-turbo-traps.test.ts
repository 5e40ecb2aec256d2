import { describe, expect, it } from 'vitest';

import {
  decodeAutoencoderKL,
  encodeAutoencoderKL,
  mode,
  sample,
} from '../../../dist/compiler/networks/autoencoder-kl.js';
import { noiseMap } from '../../../dist/compiler/networks/noise-map.js';
import {
  type GeneratorOptions,
  type GeneratorVariation,
  oneStepGenerator,
} from '../../../dist/compiler/networks/one-step-generator.js';
import { frameInput, toPicture } from '../../../dist/compiler/networks/picture.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { promptOf, tinyConfiguration, withCheckpoint } from './generator.js';
import { feed, golden, readTensors } from './golden.js';
import { atStrength, distance, expectTrap, frames, merged, outputOf, type Parts, vaeAtStrength } from './traps.js';

describe('a trap of CycleGAN-Turbo', () => {
  const right = golden(readTensors('cyclegan-turbo'), 'a2b/64x64/mode/output').data;

  async function run(
    options: Partial<Omit<GeneratorOptions, 'parts'>> & {
      parts?: (right: Parts, other: Parts) => GeneratorOptions['parts'];
      low?: -1 | 0;
      variation?: (graph: GraphBuilder) => GeneratorVariation;
      sampled?: boolean;
    },
  ): Promise<Float32Array> {
    const { parts = merged, low = -1, variation = () => ({}), sampled = false, ...rest } = options;
    return withCheckpoint('cyclegan-turbo', 'a2b', (own) =>
      withCheckpoint('cyclegan-turbo', 'b2a', (other) => {
        const graph = new GraphBuilder('trap');
        const picture = toPicture(graph, frameInput(graph), low, 1, 'float32');
        const { picture: output } = oneStepGenerator(
          graph,
          picture,
          {
            parts: parts(own, other),
            configuration: tinyConfiguration,
            prompt: promptOf('a2b'),
            posterior: sampled
              ? (builder, mean, variance) => sample(noiseMap(builder, 1, mean))(builder, mean, variance)
              : mode,
            ...rest,
          },
          variation(graph),
        );
        return outputOf(graph, output, { frame: feed(frames, '64x64') });
      }),
    );
  }

  it('is none where no rule is broken', async () => {
    expect(distance(await run({}), right)).toBeLessThan(2e-3);
  });

  it.each<[string, Parameters<typeof run>[0]]>([
    [
      "cyclegan-turbo: the other direction's autoencoder",
      { parts: (own, other) => merged({ ...other, unet: own.unet }) },
    ],
    ['cyclegan-turbo: another prompt', { prompt: promptOf('b2a') }],
    ['cyclegan-turbo: pixels in [0, 1]', { low: 0 }],
    ['cyclegan-turbo: posterior sampled', { sampled: true }],
    // alpha = 8 is left for the autoencoder, of rank 3; alpha = rank is set for the UNet, of rank 2.
    ['cyclegan-turbo: VAE adapter at scale 1', { parts: (own) => vaeAtStrength(own, 3 / 8) }],
    [
      'cyclegan-turbo: UNet adapters at scale 8 / r',
      { parts: (own) => ({ ...merged(own), unet: atStrength(own.unet, 8 / 2) }) },
    ],
    ['cyclegan-turbo: no skips', { variation: (graph) => ({ skipGamma: graph.constant([0], 'float32') }) }],
  ])('%s', async (name, options) => {
    expectTrap(name, await run(options), right);
  });

  it('cyclegan-turbo: another noise schedule, or another step than 999', async () => {
    const { scheduler } = tinyConfiguration;
    for (const wrong of [{ beta_end: 0.02 }, { num_train_timesteps: 999 }, { beta_start: 0.0001 }]) {
      const found = await run({ configuration: { ...tinyConfiguration, scheduler: { ...scheduler, ...wrong } } });
      const moved = distance(found, right);
      // The golden data's tolerance is 2e-3.
      expect(moved, JSON.stringify(wrong)).toBeGreaterThan(4e-3);
    }
  });

  it('cyclegan-turbo: skips in the order in which the encoder goes', async () => {
    // Only the deepest activation fits the first skip convolution, so that no other order can be built.
    await withCheckpoint('cyclegan-turbo', 'a2b', ({ vaeEncoder, vaeDecoder }) => {
      const graph = new GraphBuilder('trap');
      const picture = toPicture(graph, frameInput(graph), -1, 1, 'float32');
      const { vae } = tinyConfiguration;
      const { latent, activations } = encodeAutoencoderKL(graph, { weights: vaeEncoder }, vae, picture);
      const decode = (order: readonly Value[]) =>
        decodeAutoencoderKL(graph, { weights: vaeDecoder }, vae, latent, { activations: order });
      expect(() => decode([...activations].reverse())).toThrow(/skip_conv_1/);
      expect(decode(activations).shape).toEqual(picture.shape);
      return Promise.resolve();
    });
  });
});

/**
 * Every rule of the generators that is easily broken, broken on purpose: the golden data has to tell, by as much as the
 * reference itself moves when it breaks the same rule (`traps.json`), and no more. So each of these tests fails when the
 * compiler falls into the trap (there is no distance then), and when the golden data no longer notices.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LoraTensorSource } from '../../../dist/compiler/checkpoint/lora/merge.js';
import {
  decodeAutoencoderKL,
  encodeAutoencoderKL,
  mode,
  sample,
} from '../../../dist/compiler/networks/autoencoder-kl.js';
import { cannyEdges } from '../../../dist/compiler/networks/canny.js';
import { Adapter } from '../../../dist/compiler/networks/layers/adapter.js';
import type { NetworkSource } from '../../../dist/compiler/networks/layers/module.js';
import { noiseMap } from '../../../dist/compiler/networks/noise-map.js';
import {
  type GeneratorOptions,
  type GeneratorVariation,
  oneStepGenerator,
} from '../../../dist/compiler/networks/one-step-generator.js';
import { frameInput, toPicture } from '../../../dist/compiler/networks/picture.js';
import { sketch, twinConvIn } from '../../../dist/compiler/networks/pix2pix-turbo.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';
import { add, cast, multiply, subtract } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { GraphStore, runGraph } from '../run-graph.js';
import { noiseInput, promptOf, tinyConfiguration, withCheckpoint } from './generator.js';
import { feed, golden, readJson, readTensors } from './golden.js';

const traps = readJson('traps.json') as Readonly<Record<string, number>>;
const frames = readTensors('frames');
const size = { width: 64, height: 64 };

type Parts = Readonly<Record<'unet' | 'vaeEncoder' | 'vaeDecoder', LoraTensorSource>>;

/** Adapters merged at another strength than the right one. */
function atStrength(source: LoraTensorSource, factor: number): NetworkSource {
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

function merged({ unet, vaeEncoder, vaeDecoder }: Parts): GeneratorOptions['parts'] {
  return { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } };
}

/** The autoencoder's adapter at another strength, in both of its halves. */
function vaeAtStrength(parts: Parts, factor: number): GeneratorOptions['parts'] {
  const { vaeEncoder, vaeDecoder } = parts;
  return {
    ...merged(parts),
    vaeEncoder: atStrength(vaeEncoder, factor),
    vaeDecoder: atStrength(vaeDecoder, factor),
  };
}

async function outputOf(graph: GraphBuilder, picture: Value, feeds: Record<string, Tensor>): Promise<Float32Array> {
  graph.output('output', cast(graph, picture, 'float32'));
  const { output } = await runGraph(graph, feeds, size);
  return output?.data as Float32Array;
}

/** The greatest difference of two outputs. */
function distance(found: Float32Array, right: ArrayLike<number>): number {
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - (right[i] ?? NaN))), 0);
}

/** That breaking a rule moves the output as far as it moves the reference's. */
function expectTrap(name: string, found: Float32Array, right: ArrayLike<number>): void {
  const moved = distance(found, right);
  const expected = traps[name] ?? NaN;
  expect(expected).toBeGreaterThan(0.02);
  expect(moved).toBeGreaterThan(0.02);
  // A sample is drawn anew each time; all else is the same arithmetic.
  expect(Math.abs(moved - expected)).toBeLessThan(name.endsWith('posterior sampled') ? 2 : 0.02);
}

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

describe('a trap of the stochastic pix2pix-Turbo: a guidance that is forgotten', () => {
  const goldens = readTensors('pix2pix-turbo-stochastic');
  const key = '64x64/0.4';
  const right = golden(goldens, `${key}/output`).data;

  const usual = { unet: 0.4, vae: 0.4, mix: 0.4, pair: 0.4, gamma: 0.4 };
  const store = new GraphStore();
  let session: InferenceSession;
  beforeAll(async () => {
    const options = { freeDimensionOverrides: size, logSeverityLevel: 3 } as const;
    session = await InferenceSession.create(await store.file('guidance', write), options);
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

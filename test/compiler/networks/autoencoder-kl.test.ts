import { describe, expect, it } from 'vitest';

import {
  type AutoencoderKLConfiguration,
  decodeAutoencoderKL,
  encodeAutoencoderKL,
  mode,
} from '../../../dist/compiler/networks/autoencoder-kl.js';
import { frameInput, toPicture } from '../../../dist/compiler/networks/picture.js';
import { symbol } from '../../../dist/compiler/onnx/dimension.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { runGraph } from '../run-graph.js';
import { baseWeights, expectClose, feed, golden, goldenSizes, readJson, readTensors } from './golden.js';

const configuration = readJson('base/vae/config.json') as AutoencoderKLConfiguration;
const goldens = readTensors('autoencoder-kl');
const frames = readTensors('frames');

describe('the autoencoder without skips', () => {
  const source = { weights: baseWeights('vae') };

  it.each(goldenSizes)('encodes as diffusers does at $width x $height', async ({ width, height }) => {
    const key = `${width}x${height}`;
    const graph = new GraphBuilder('encoder');
    const picture = toPicture(graph, frameInput(graph), -1, 1, 'float32');
    const { latent, activations } = encodeAutoencoderKL(graph, source, configuration, picture, mode);
    expect(activations.map(({ shape }) => shape.map(String).join(' '))).toEqual([
      '1 4 height width',
      '1 4 height/2 width/2',
      '1 8 height/4 width/4',
      '1 16 height/8 width/8',
    ]);
    graph.output('latent', latent);
    const found = await runGraph(graph, { frame: feed(frames, key) }, { width, height });
    const mean = golden(goldens, `${key}/mean`);
    const scaled = { shape: mean.shape, data: Array.from(mean.data, (value) => value * configuration.scaling_factor) };
    expectClose(found.latent, scaled);
  });

  it.each(goldenSizes)('decodes as diffusers does at $width x $height', async ({ width, height }) => {
    const key = `${width}x${height}`;
    const graph = new GraphBuilder('decoder');
    const latent = graph.input('latent', 'float32', [1, 4, symbol('latent_height'), symbol('latent_width')]);
    const scaling = { ...configuration, scaling_factor: 1 };
    graph.output('decoded', decodeAutoencoderKL(graph, source, scaling, latent));
    const sizes = { latent_height: height / 8, latent_width: width / 8 };
    const found = await runGraph(graph, { latent: feed(goldens, `${key}/latent`) }, sizes);
    expectClose(found.decoded, golden(goldens, `${key}/decoded`));
  });
});

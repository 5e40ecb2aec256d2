import { describe, expect, it } from 'vitest';

import {
  unet2DCondition,
  type UNet2DConditionConfiguration,
} from '../../../dist/compiler/networks/unet-2d-condition.js';
import { symbol } from '../../../dist/compiler/onnx/dimension.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { runGraph } from '../run-graph.js';
import { baseWeights, expectClose, feed, golden, goldenSizes, readJson, readTensors } from './golden.js';

const configuration = {
  transformer_layers_per_block: 1,
  ...(readJson('base/unet/config.json') as object),
} as UNet2DConditionConfiguration;
const goldens = readTensors('unet-2d-condition');

function build(constants: { width?: number } = {}) {
  const graph = new GraphBuilder('unet');
  const latent = graph.input('latent', 'float32', [1, 4, symbol('height'), symbol('width')]);
  const { shape, data } = golden(goldens, 'text');
  const prompt = {
    rows: shape[1] ?? 0,
    width: constants.width ?? shape[2] ?? 0,
    read: () => Promise.resolve(Float32Array.from(data)),
  };
  const source = { weights: baseWeights('unet') };
  graph.output('epsilon', unet2DCondition(graph, source, configuration, latent, { timestep: 999, prompt }));
  return graph;
}

describe('the UNet', () => {
  it.each(goldenSizes)('predicts as diffusers does at $width x $height', async ({ width, height }) => {
    const key = `${width}x${height}`;
    const feeds = { latent: feed(goldens, `${key}/latent`) };
    const found = await runGraph(build(), feeds, { height: height / 8, width: width / 8 });
    expectClose(found.epsilon, golden(goldens, `${key}/epsilon`));
  });

  it('says that a prompt is of another width', () => {
    expect(() => build({ width: 768 })).toThrow("the prompt's embedding is 768 wide; this network takes 32");
  });
});

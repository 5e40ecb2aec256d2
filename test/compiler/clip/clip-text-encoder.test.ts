import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openBase } from '../../../dist/compiler/base.js';
import { openDiffusersPart } from '../../../dist/compiler/checkpoint/diffusers-folder.js';
import { openSafetensorsFile } from '../../../dist/compiler/checkpoint/safetensors/safetensors-file.js';
import type { TensorSource } from '../../../dist/compiler/checkpoint/tensor-source.js';
import { renamed } from '../../../dist/compiler/checkpoint/tensor-view.js';
import { clipTextEncoder } from '../../../dist/compiler/networks/clip-text-encoder.js';
import { encodePrompt, readClipTextConfiguration } from '../../../dist/compiler/networks/encode-prompt.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { readClipTokenizer } from '../../../dist/compiler/tokenizer/clip-tokenizer.js';
import { ModelError } from '../../../dist/errors/errors.js';
import { runGraph } from '../run-graph.js';

const fixtures = path.join(import.meta.dirname, '../../fixtures/networks');
const base = path.join(fixtures, 'base');
const prompts = {
  a2b: 'driving in the night',
  b2a: 'driving in the day',
  edge: 'a street in the rain, oil painting',
  sketch: 'a red car!',
};

/** The reference's numbers are of size 1 (they come out of a normalisation). */
function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? NaN))), 0);
}

describe('the text encoder', () => {
  let golden: TensorSource;
  let weights: TensorSource;
  beforeAll(async () => {
    golden = await openSafetensorsFile(path.join(fixtures, 'text.safetensors'));
    weights = await openDiffusersPart(base, 'text_encoder');
  });
  afterAll(() => Promise.all([golden.close(), weights.close()]));

  it.each(Object.entries(prompts))('encodes as transformers does: %s', async (name, prompt) => {
    await using opened = await openBase(base);
    const text = await encodePrompt(opened.promptEncoder, prompt);
    expect([text.rows, text.width, text.truncated]).toEqual([77, 32, false]);
    expect(largestDifference(await text.read(), await golden.read(`${name}/embedding`))).toBeLessThan(1e-4);
  });

  it('is one graph too', async () => {
    const configuration = await readClipTextConfiguration(path.join(base, 'text_encoder/config.json'));
    const graph = new GraphBuilder('text-encoder');
    const ids = graph.input('ids', 'int64', [77]);
    graph.output('embedding', clipTextEncoder(graph, { weights }, configuration, ids));
    const numbers = BigInt64Array.from(await golden.read('edge/ids'), BigInt);
    const { embedding } = await runGraph(graph, { ids: new Tensor('int64', numbers, [77]) });
    const expected = await golden.read('edge/embedding');
    expect(largestDifference(embedding?.data as Float32Array, expected)).toBeLessThan(1e-4);
  });

  it('names the tensor that is missing, and the one of another shape', async () => {
    const configuration = await readClipTextConfiguration(path.join(base, 'text_encoder/config.json'));
    const tokenizer = await readClipTokenizer(path.join(base, 'tokenizer'));
    const gone = 'text_model.encoder.layers.1.mlp.fc2.weight';
    const without = renamed(weights, (name) => (name === gone ? undefined : name));
    const encode = (encoder: Parameters<typeof encodePrompt>[0]) =>
      encodePrompt(encoder, 'a street').catch((error: unknown) => error);
    const missing = await encode({ tokenizer, configuration, weights: without });
    expect(missing).toBeInstanceOf(ModelError);
    expect(String(missing)).toContain(gone);
    const wider = await encode({ tokenizer, configuration: { ...configuration, intermediate_size: 256 }, weights });
    expect(wider).toBeInstanceOf(ModelError);
    expect(String(wider)).toMatch(/layers\.0\.mlp\.fc1\.weight.*\[128, 32\].*\[256, 32\]/u);
  });

  it('refuses a configuration of something else', async () => {
    const file = path.join(base, 'unet/config.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toBeTypeOf('object');
    await expect(readClipTextConfiguration(file)).rejects.toThrow(file);
  });
});

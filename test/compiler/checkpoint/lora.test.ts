import { describe, expect, test } from 'vitest';

import { LoraAdapter, type LoraSettings } from '../../../dist/compiler/checkpoint/lora/adapter.js';
import { addLowRankProduct } from '../../../dist/compiler/checkpoint/lora/low-rank-product.js';
import { mergeLora, partOf } from '../../../dist/compiler/checkpoint/lora/merge.js';
import { isTarget, parseLoraName, unwrapped } from '../../../dist/compiler/checkpoint/lora/names.js';
import { MemoryTensorSource, type MemoryTensor } from '../../../dist/compiler/checkpoint/memory-tensor-source.js';
import { openSafetensorsFile } from '../../../dist/compiler/checkpoint/safetensors/safetensors-file.js';
import { elementCount, type TensorSource } from '../../../dist/compiler/checkpoint/tensor-source.js';
import { openTorchCheckpoint } from '../../../dist/compiler/checkpoint/torch/torch-checkpoint.js';
import { tensorSourceOf } from '../../../dist/compiler/checkpoint/torch/value.js';
import { checkpointFixture, expectTensors, golden, type Digests } from './golden.js';

interface Expected {
  readonly r: number;
  readonly lora_alpha?: number;
  readonly targets: readonly string[];
  readonly merged: Digests;
}

/** A tensor whose numbers are of no matter. */
function tensorOf(...shape: number[]): MemoryTensor {
  return { shape, data: Array.from({ length: elementCount(shape) }, (_, i) => (i % 7) - 3) };
}

function source(tensors: Record<string, number[]>): TensorSource {
  return new MemoryTensorSource(
    Object.fromEntries(Object.entries(tensors).map(([name, shape]) => [name, tensorOf(...shape)])),
    'lora.pkl',
  );
}

const settings: LoraSettings = { rank: 2, targetModules: ['to_q', 'conv'] };

describe('merging gives what peft gives', () => {
  test.each([
    ['alpha-default', 'alpha is 8 unless it is stated, whatever the rank'],
    ['alpha-is-rank', 'the scale is 1 where alpha is the rank'],
    ['rank-over-alpha', 'the scale is below 1 where the rank is above 8'],
    ['rank-1', 'rank 1'],
  ])('%s: %s', async (name) => {
    const expected = (await golden<Record<string, Expected>>('lora/expected.json'))[name];
    expect(expected).toBeDefined();
    const { r = 0, lora_alpha: alpha, targets = [], merged = {} } = expected ?? {};
    const adapterSettings = { rank: r, alpha, targetModules: targets };
    await using base = await openSafetensorsFile(checkpointFixture('lora/base.safetensors'));

    // As peft saves an adapter: `base_model.model.conv.lora_A.weight`.
    await using saved = await openSafetensorsFile(checkpointFixture(`lora/${name}.safetensors`));
    await expectTensors(mergeLora(base, new LoraAdapter(saved, adapterSettings)), merged);

    // As a state dict has a wrapped layer: `conv.base_layer.weight`, `conv.lora_A.default.weight`.
    await using checkpoint = await openTorchCheckpoint(checkpointFixture(`lora/${name}-wrapped.pt`));
    const { layers, adapter } = unwrapped(tensorSourceOf(checkpoint.value, name));
    await expectTensors(mergeLora(layers, new LoraAdapter(adapter, adapterSettings)), merged);
  });
});

test('what an adapter adds can be had on its own', async () => {
  await using base = await openSafetensorsFile(checkpointFixture('lora/base.safetensors'));
  await using saved = await openSafetensorsFile(checkpointFixture('lora/alpha-default.safetensors'));
  const targetModules = ['conv', 'wide', 'to_out.0'];
  const merged = mergeLora(base, new LoraAdapter(saved, { rank: 4, targetModules }));
  expect([...merged.loraModules()].sort()).toEqual(['conv', 'shortcut.conv', 'to_out.0', 'wide']);
  expect(await merged.lora('conv')).toMatchObject({
    aShape: [4, 3, 3, 3],
    bShape: [5, 4, 1, 1],
    rank: 4,
    scale: 2,
  });
  expect(await merged.lora('conv1')).toBeUndefined();
  expect(await merged.unmerged.read('conv.weight')).toEqual(await base.read('conv.weight'));
  expect(await merged.read('conv.weight')).not.toEqual(await base.read('conv.weight'));

  const part = partOf(merged, (name) => name.startsWith('conv.'));
  expect([...part.names()]).toEqual(['conv.bias', 'conv.weight']);
  expect([...part.loraModules()]).toEqual(['conv']);
  expect(await part.read('conv.weight')).toEqual(await merged.read('conv.weight'));
  expect(await part.lora('wide')).toBeUndefined();
  await expect(part.read('wide.weight')).rejects.toThrow('lacks the tensor "wide.weight"');
});

test('targets are whole parts of names, or whole names', () => {
  expect(isTarget('down.0.conv', ['conv'])).toBe(true);
  expect(isTarget('conv', ['conv'])).toBe(true);
  expect(isTarget('down.0.conv1', ['conv'])).toBe(false);
  expect(isTarget('down.0.preconv', ['conv'])).toBe(false);
  expect(isTarget('attn.to_out.0', ['to_out.0'])).toBe(true);
  expect(isTarget('attn.to_out.0', ['0'])).toBe(true);
  expect(isTarget('attn.to_out', ['to_out.0'])).toBe(false);
  expect(isTarget('up.0.conv', ['down.0.conv'])).toBe(false);
});

test.each([
  ['a.b.lora_A.weight', 'a.b', 'A', undefined],
  ['a.b.lora_B.default.weight', 'a.b', 'B', 'default'],
  ['a.b.lora_A.vae_skip.weight', 'a.b', 'A', 'vae_skip'],
  ['base_model.model.a.b.lora_A.weight', 'a.b', 'A', undefined],
] as const)('the key %s is understood', (key, module, half, adapter) => {
  expect(parseLoraName(key)).toEqual({ module, half, adapter });
});

test.each(['a.base_layer.weight', 'a.weight', 'lora_A.weight', 'a.lora_C.weight', 'a.lora_A.weight.b'])(
  'the key %s is no adapter’s',
  (key) => {
    expect(parseLoraName(key)).toBeUndefined();
  },
);

describe('an adapter is refused', () => {
  const a = 'mid.to_q.lora_A.weight';
  const b = 'mid.to_q.lora_B.weight';
  const base = source({ 'mid.to_q.weight': [3, 5], 'mid.to_q.bias': [3], 'mid.conv.weight': [4, 3, 3, 3] });
  const both = { [a]: [2, 5], [b]: [3, 2] };
  const convolution = { 'mid.conv.lora_A.weight': [2, 3, 3, 3], 'mid.conv.lora_B.weight': [4, 2, 1, 1] };

  test('not when it fits', async () => {
    const merged = mergeLora(base, new LoraAdapter(source({ ...both, ...convolution }), settings));
    expect(await merged.read('mid.to_q.bias')).toEqual(await base.read('mid.to_q.bias'));
  });

  test.each<[string, Record<string, number[]>, RegExp]>([
    ['with an A without a B', { [a]: [2, 5] }, /lacks the lora_B of "mid.to_q"/],
    ['with a B without an A', { [b]: [3, 2] }, /lacks the lora_A of "mid.to_q"/],
    ['of another rank', { [a]: [4, 5], [b]: [3, 4] }, /"mid.to_q".*\[4, 5\].*\[3, 4\].*its rank 2/],
    ['whose halves have different ranks', { [a]: [2, 5], [b]: [3, 4] }, /for its rank 2/],
    ['that is half of a convolution', { [a]: [2, 5, 3, 3], [b]: [3, 2] }, /for its rank 2/],
    ['with a kernel in B', { [a]: [2, 5, 3, 3], [b]: [3, 2, 3, 3] }, /for its rank 2/],
    [
      'for a layer that its list leaves out',
      { 'x.lora_A.weight': [2, 5], 'x.lora_B.weight': [3, 2] },
      /list of layers does not name/,
    ],
    ['with a tensor of another kind', { 'mid.to_q.lora_embedding_A': [2, 5] }, /no part of a LoRA/],
    [
      'that is two',
      { ...both, 'mid.conv.lora_A.x.weight': [2, 3, 3, 3], 'mid.conv.lora_B.x.weight': [4, 2, 1, 1] },
      /several adapters/,
    ],
  ])('%s', (_, tensors, message) => {
    expect(() => new LoraAdapter(source(tensors), settings)).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringMatching(message) as string }) as Error,
    );
  });

  test.each<[string, Record<string, number[]>, RegExp]>([
    [
      'for a layer that is not there',
      { ...both, ...convolution, 'up.to_q.lora_A.weight': [2, 5], 'up.to_q.lora_B.weight': [3, 2] },
      /"up.to_q", a layer that lora.pkl does not have/,
    ],
    [
      'for a layer of another shape',
      { ...convolution, [a]: [2, 6], [b]: [3, 2] },
      /for a weight of shape \[3, 6\].*has \[3, 5\]/,
    ],
    ['that lacks a layer its list names', both, /lacks "mid.conv.lora_A.weight"/],
  ])('%s', (_, tensors, message) => {
    expect(() => mergeLora(base, new LoraAdapter(source(tensors), settings))).toThrow(message);
  });

  test('for a layer that another adapter has', () => {
    const one = new LoraAdapter(source({ ...both, ...convolution }), settings);
    expect(() => mergeLora(base, one, one)).toThrow('Layer "mid.to_q" has two adapters');
  });

  test.each([0, -1, 1.5, NaN])('of rank %d', (rank) => {
    expect(() => new LoraAdapter(source(both), { ...settings, rank })).toThrow("which can't be");
  });
});

test('a state dict that has a layer wrapped and plain is refused', () => {
  expect(() => unwrapped(source({ 'a.base_layer.weight': [1], 'a.weight': [1] }))).toThrow('"a.weight" twice');
});

test.each([
  [1, 1, 1],
  [3, 5, 2],
  [17, 1031, 8],
  [2, 513, 9],
  [5, 512, 20],
])('the product of [%i, %i] and rank %i is that of the plain sum', (rows, columns, rank) => {
  const number = (i: number) => ((i * 2654435761) % 1000) / 500 - 1;
  const weight = Float32Array.from({ length: rows * columns }, (_, i) => number(i));
  const b = Float32Array.from({ length: rows * rank }, (_, i) => number(i + 7));
  const a = Float32Array.from({ length: rank * columns }, (_, i) => number(i + 13));
  const expected = weight.map((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return (
      value +
      0.5 *
        Array.from({ length: rank }, (_, r) => (b[row * rank + r] ?? 0) * (a[r * columns + column] ?? 0)).reduce(
          (x, y) => x + y,
        )
    );
  });
  addLowRankProduct(weight, b, a, rank, 0.5);
  expect(Math.max(...weight.map((value, i) => Math.abs(value - (expected[i] ?? NaN))))).toBeLessThan(1e-5);
});

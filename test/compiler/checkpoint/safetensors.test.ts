import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { openDiffusersPart } from '../../../dist/compiler/checkpoint/diffusers-folder.js';
import { openSafetensorsFile } from '../../../dist/compiler/checkpoint/safetensors/safetensors-file.js';
import { openShardedSafetensors } from '../../../dist/compiler/checkpoint/safetensors/sharded.js';
import { readTensor, requireTensor } from '../../../dist/compiler/checkpoint/tensor-source.js';
import { temporaryFolder } from '../../support/models.js';
import { checkpointFixture, expectTensors, golden, type Digests } from './golden.js';

/** Writes a safetensors file with this header and so many bytes of tensors. */
async function fileWith(header: unknown, dataBytes: number): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = path.join(await temporaryFolder(), 'weights.safetensors');
  await writeFile(file, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return file;
}

describe('a safetensors file', () => {
  test('gives the numbers that were saved, whatever their format', async () => {
    await using source = await openSafetensorsFile(checkpointFixture('safetensors/formats.safetensors'));
    const { dictionary } = await golden<{
      dictionary: [string, { tensor: { shape: number[]; numbers: (number | string)[] } }][];
    }>('safetensors/formats.json');
    expect([...source.names()].sort()).toEqual(dictionary.map(([name]) => name).sort());
    for (const [name, { tensor }] of dictionary) {
      const numbers = tensor.numbers.map((n) => (n === 'inf' ? Infinity : n === '-inf' ? -Infinity : n));
      expect(source.describe(name)?.shape).toEqual(tensor.shape);
      expect([...(await source.read(name))], name).toEqual(numbers);
    }
    expect(source.describe('bf16')?.dataType).toBe('BF16');
  });

  test('lacking a tensor, or with another shape, is told with both shapes and the file', async () => {
    const file = checkpointFixture('safetensors/formats.safetensors');
    await using source = await openSafetensorsFile(file);
    expect(() => requireTensor(source, 'fp32', [4, 3])).toThrow(
      `Tensor "fp32" of ${file} has shape [3, 4]; expected [4, 3].`,
    );
    expect(() => requireTensor(source, 'fp33', [4, 3])).toThrow(`${file} lacks the tensor "fp33" of shape [4, 3].`);
    await expect(readTensor(source, 'fp33')).rejects.toMatchObject({ code: 'model-invalid' });
    await expect(source.read('fp33')).rejects.toMatchObject({ code: 'model-invalid' });
  });

  const f32 = (shape: readonly unknown[], from: number, to: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [from, to],
  });

  test.each<[string, unknown, number, RegExp]>([
    ['no JSON', '{"a"', 0, /header is not JSON/],
    ['no object', [1], 0, /not a JSON object/],
    ['a tensor without a shape', { a: { dtype: 'F32', data_offsets: [0, 4] } }, 4, /described wrongly/],
    ['an unknown number format', { a: { ...f32([1], 0, 4), dtype: 'F8_E4M3' } }, 4, /number format F8_E4M3/],
    ['a number format that is a word of JavaScript', { a: { ...f32([1], 0, 4), dtype: 'constructor' } }, 4, /format/],
    ['a shape of another size', { a: f32([3], 0, 8) }, 8, /takes 8 bytes; F32 of shape \[3\] takes 12/],
    ['a negative dimension', { a: f32([-1, -2], 0, 8) }, 8, /impossible shape/],
    ['half a dimension', { a: f32([0.5, 4], 0, 8) }, 8, /impossible shape/],
    ['an absurd shape', { a: f32([2 ** 40, 2 ** 40], 0, 8) }, 8, /impossible shape/],
    ['nine dimensions', { a: f32(new Array(9).fill(1), 0, 4) }, 4, /impossible shape/],
    ['an end before its start', { a: f32([1], 8, 4) }, 8, /takes -4 bytes/],
    ['an offset beyond the file', { a: f32([2], 4, 12) }, 4, /cut off/],
    ['two tensors in one place', { a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8, /"b".*overlaps tensor "a"/],
    ['a hole', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12, /"b".*leaves a hole after tensor "a"/],
    ['bytes that nobody owns', { a: f32([1], 0, 4) }, 20, /16 bytes after its last tensor/],
    [
      'a name twice',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
      /names the tensor "a" twice/,
    ],
    ['a header in circles', '['.repeat(1_000_000), 0, /header is not JSON/],
  ])('with %s is refused', async (_, header, dataBytes, message) => {
    const refused = openSafetensorsFile(await fileWith(header, dataBytes));
    await expect(refused).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
    });
  });

  test('that states a giant header is refused before it is read', async () => {
    const file = path.join(await temporaryFolder(), 'weights.safetensors');
    await writeFile(file, Buffer.from('ffffffffffffff7f7b7d', 'hex'));
    await expect(openSafetensorsFile(file)).rejects.toThrow('states a header of');
  });

  test('that is cut off anywhere is refused', async () => {
    const whole = await readFile(checkpointFixture('safetensors/formats.safetensors'));
    const file = path.join(await temporaryFolder(), 'weights.safetensors');
    for (let length = 0; length < whole.length; length += 13) {
      await writeFile(file, whole.subarray(0, length));
      await expect(openSafetensorsFile(file)).rejects.toMatchObject({ code: 'model-invalid' });
    }
  });

  test('named like something that every object has is a tensor all the same', async () => {
    const header = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    await using source = await openSafetensorsFile(await fileWith(header, 4));
    expect([...source.names()]).toEqual(['__proto__']);
    expect(source.describe('constructor')).toBeUndefined();
  });
});

describe('sharded safetensors', () => {
  const index = 'diffusion_pytorch_model.safetensors.index.json';

  async function copyOfShards(): Promise<string> {
    const folder = await temporaryFolder();
    await cp(checkpointFixture('safetensors/sharded'), folder, { recursive: true });
    return path.join(folder, 'unet');
  }

  test('are read as one, also by their folder', async () => {
    const expected = await golden<Digests>('safetensors/sharded.json');
    await using byIndex = await openShardedSafetensors(path.join(checkpointFixture('safetensors/sharded/unet'), index));
    await expectTensors(byIndex, expected);
    await using byFolder = await openDiffusersPart(checkpointFixture('safetensors/sharded'), 'unet');
    await expectTensors(byFolder, expected);
  });

  test('lacking a file or a tensor are refused', async () => {
    const folder = await copyOfShards();
    await rm(path.join(folder, 'diffusion_pytorch_model-00002-of-00002.safetensors'));
    await expect(openShardedSafetensors(path.join(folder, index))).rejects.toMatchObject({ code: 'model-not-found' });
    const weightMap = { 'layers.9.weight': 'diffusion_pytorch_model-00001-of-00002.safetensors' };
    await writeFile(path.join(folder, index), JSON.stringify({ weight_map: weightMap }));
    await expect(openShardedSafetensors(path.join(folder, index))).rejects.toThrow(
      'lacks the tensor "layers.9.weight"',
    );
  });

  test.each(['../unet/a.safetensors', '/etc/passwd', 'a.safetensors/../../b.safetensors', 'a.bin', '.safetensors'])(
    'that name %s are refused',
    async (fileName) => {
      const folder = await copyOfShards();
      await writeFile(path.join(folder, index), JSON.stringify({ weight_map: { a: fileName } }));
      await expect(openShardedSafetensors(path.join(folder, index))).rejects.toThrow(
        'not a safetensors file in its own',
      );
    },
  );
});

describe("a folder in diffusers' layout", () => {
  test('without weights tells what was looked for', async () => {
    const folder = await temporaryFolder();
    await expect(openDiffusersPart(folder, 'text_encoder')).rejects.toMatchObject({
      code: 'model-not-found',
      message: expect.stringContaining('model.safetensors') as string,
    });
  });

  test('gives the fp16 variant where there is no other', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'unet', 'diffusion_pytorch_model.fp16.safetensors');
    await cp(checkpointFixture('safetensors/formats.safetensors'), file);
    await using source = await openDiffusersPart(folder, 'unet');
    expect(source.description).toBe(file);
  });

  test('gives an old autoencoder’s attention its present names', async () => {
    const folder = await temporaryFolder();
    const names = ['query', 'key', 'value', 'proj_attn'].map((name) => `decoder.mid_block.attentions.0.${name}.bias`);
    const header = Object.fromEntries(
      [...names, 'decoder.mid_block.attentions.0.group_norm.bias'].map((name, i) => [
        name,
        { dtype: 'F32', shape: [1], data_offsets: [4 * i, 4 * i + 4] },
      ]),
    );
    await cp(await fileWith(header, 20), path.join(folder, 'vae', 'diffusion_pytorch_model.safetensors'));
    await using source = await openDiffusersPart(folder, 'vae');
    expect([...source.names()]).toEqual(
      ['to_q', 'to_k', 'to_v', 'to_out.0', 'group_norm'].map((name) => `decoder.mid_block.attentions.0.${name}.bias`),
    );
    expect(await source.read('decoder.mid_block.attentions.0.to_k.bias')).toEqual(Float32Array.of(0));
  });
});

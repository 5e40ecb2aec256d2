import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { openTorchCheckpoint } from '../../../dist/compiler/checkpoint/torch/torch-checkpoint.js';
import { isDictionary, tensorSourceOf } from '../../../dist/compiler/checkpoint/torch/value.js';
import { temporaryFolder } from '../../support/models.js';
import { checkpointFixture, golden, plain } from './golden.js';

describe('a file of torch.save', () => {
  test.each([2, 3, 4, 5])('of pickle protocol %i gives the values that were saved', async (protocol) => {
    await using checkpoint = await openTorchCheckpoint(checkpointFixture(`torch/values-protocol-${protocol}.pt`));
    const expected = await golden<{ dictionary: [string, unknown][] }>('torch/values.json');
    const found = (await plain(checkpoint.value)) as typeof expected;
    expect(found.dictionary.map(([key]) => key)).toEqual(expected.dictionary.map(([key]) => key));
    for (const [i, [key, value]] of expected.dictionary.entries()) {
      // A set has no order.
      const item = found.dictionary[i]?.[1];
      expect(key === 'set' ? (item as string[]).sort() : item, key).toEqual(value);
    }
  });

  test('gives each tensor as an array of the reader’s own, though they share a storage', async () => {
    await using checkpoint = await openTorchCheckpoint(checkpointFixture('torch/values-protocol-2.pt'));
    const value = isDictionary(checkpoint.value) ? checkpoint.value : undefined;
    const shared = [...(value ?? [])].filter(([key]) => String(key).startsWith('shared'));
    const source = tensorSourceOf(new Map(shared), 'shared');
    (await source.read('shared whole')).fill(0);
    expect((await source.read('shared row')).some((number) => number !== 0)).toBe(true);
  });

  test.each([
    ['legacy.pt', /before version 1\.6/, /torch\.save\(torch\.load/],
    ['whole-module.pt', /asks for "torch\.nn\.modules\.linear\.Linear".*was not run/, undefined],
    ['numpy-scalar.pt', /asks for "numpy.*was not run/, undefined],
    ['complex.pt', /asks for "torch\.ComplexFloatStorage"/, undefined],
    ['torchscript.pt', /TorchScript program/, undefined],
  ])('%s is refused, and why is said', async (name, message, remedy) => {
    const refused = openTorchCheckpoint(checkpointFixture(`torch/${name}`));
    await expect(refused).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
      remedy: expect.stringMatching(remedy ?? /./) as string,
    });
  });

  test('what is no such file is refused', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'model.pkl');
    await writeFile(file, 'Once upon a time');
    await expect(openTorchCheckpoint(file)).rejects.toMatchObject({ code: 'model-invalid' });
    await writeFile(file, '');
    await expect(openTorchCheckpoint(file)).rejects.toMatchObject({ code: 'model-invalid' });
    await expect(openTorchCheckpoint(folder)).rejects.toThrow('is not a file');
    await expect(openTorchCheckpoint(path.join(folder, 'none.pkl'))).rejects.toMatchObject({ code: 'model-not-found' });
  });

  test('that is cut off anywhere is refused, and not read in part', async () => {
    const file = path.join(await temporaryFolder(), 'model.pkl');
    const whole = await readFile(checkpointFixture('torch/values-protocol-2.pt'));
    for (let length = 0; length < whole.length; length += 97) {
      await writeFile(file, whole.subarray(0, length));
      await expect(openTorchCheckpoint(file)).rejects.toMatchObject({ code: 'model-invalid' });
    }
  });

  test('closed twice is closed', async () => {
    const checkpoint = await openTorchCheckpoint(checkpointFixture('torch/values-protocol-2.pt'));
    await checkpoint.close();
    await checkpoint.close();
  });
});

test('a state dict is a dictionary of tensors', async () => {
  await using checkpoint = await openTorchCheckpoint(checkpointFixture('torch/values-protocol-2.pt'));
  expect(() => tensorSourceOf(checkpoint.value, 'model.pkl')).toThrow('"state" of model.pkl is a dictionary');
  expect(() => tensorSourceOf(['weight'], 'model.pkl')).toThrow(
    'model.pkl is a list; expected a dictionary of tensors',
  );
});

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { openTorchCheckpoint } from '../../../dist/compiler/checkpoint/torch/torch-checkpoint.js';
import { tensorSourceOf } from '../../../dist/compiler/checkpoint/torch/value.js';
import { temporaryFolder } from '../../support/models.js';
import { callPickle, checkpointOf, pickled, tensorPickle, zipOf } from './hostile-files.js';

const numbers = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

async function open(bytes: Buffer) {
  const file = path.join(await temporaryFolder(), 'model.pkl');
  await writeFile(file, bytes);
  return openTorchCheckpoint(file);
}

async function expectRefused(bytes: Buffer, message: RegExp): Promise<void> {
  const before = process.memoryUsage.rss();
  await expect(open(bytes)).rejects.toMatchObject({
    name: 'ModelError',
    code: 'model-invalid',
    message: expect.stringMatching(message) as string,
  });
  expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 2 ** 20);
}

test('the files that these tests make are sound where nothing is wrong in them', async () => {
  await using checkpoint = await open(checkpointOf(tensorPickle(), { 0: numbers }));
  const source = tensorSourceOf(checkpoint.value, 'model.pkl');
  expect(source.describe('weight')).toEqual({ name: 'weight', shape: [2, 3], dataType: 'F32' });
  expect(await source.read('weight')).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
});

describe('a pickle that would run something is refused, and runs nothing', () => {
  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['__builtin__', 'eval'],
    ['builtins', 'getattr'],
    ['subprocess', 'Popen'],
    ['torch', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['collections', 'OrderedDict.__init__'],
    ['child_process', 'execSync'],
    ['constructor', 'constructor'],
  ])('%s.%s', async (module, name) => {
    const marker = path.join(await temporaryFolder(), 'marker');
    const command = module.startsWith('builtin') ? `open(${JSON.stringify(marker)}, 'w')` : `touch ${marker}`;
    await expectRefused(checkpointOf(callPickle(module, name, command)), /asks for ".*was not run/);
    expect(existsSync(marker)).toBe(false);
  });

  const { start, end, global, text, integer, tuple1, emptyTuple, emptyDictionary, reduce, build, tupleOf } = pickled;

  test.each<[string, Buffer[], RegExp]>([
    ['a call of a text', [text('os.system'), text('ls'), tuple1, reduce], /calls a string/],
    ['a call of a storage type', [global('torch', 'FloatStorage'), emptyTuple, reduce], /calls a storage-type/],
    ['a call without a tuple', [global('collections', 'OrderedDict'), integer(1), reduce], /calls a function/],
    ['a name that is left as a value', [global('torch', 'FloatStorage')], /holds a function, type/],
    ['a name inside tuples', [global('torch', 'FloatStorage'), tuple1, tuple1, tuple1], /holds a function, type/],
    [
      'a name inside a set',
      [global('builtins', 'set'), tupleOf(tupleOf(global('torch', 'FloatStorage'))), reduce],
      /holds a function, type/,
    ],
    ['attributes of a text', [text('a'), emptyDictionary, build], /sets attributes of what is no dictionary/],
    ['a class instance (INST)', [Buffer.from('(ios\nsystem\n', 'latin1')], /instruction 0x69/],
    ['an object (OBJ)', [Buffer.from('(o', 'latin1')], /instruction 0x6f/],
    ['NEWOBJ', [emptyTuple, emptyTuple, Buffer.from([0x81])], /instruction 0x81/],
    ['an extension (EXT1)', [Buffer.from([0x82, 1])], /instruction 0x82/],
    [
      'a persistent identifier of another kind',
      [text('file:///etc/passwd'), pickled.persistentId],
      /names a storage wrongly/,
    ],
  ])('%s', async (_, instructions, message) => {
    await expectRefused(checkpointOf(Buffer.concat([start, ...instructions, end])), message);
  });
});

describe('a tensor that can’t be is refused', () => {
  test.each<[string, Parameters<typeof tensorPickle>[0], RegExp]>([
    ['an absurd shape', { shape: [2 ** 40, 2 ** 40] }, /impossible shape/],
    ['a negative dimension', { shape: [-2, -3] }, /impossible shape/],
    ['a shape beyond its storage', { shape: [3, 3] }, /reaches element 9 of a storage of 6/],
    ['an offset beyond its storage', { offset: 1 }, /reaches element 7 of a storage of 6/],
    ['a negative offset', { offset: -1 }, /impossible strides/],
    ['a negative stride', { offset: 5, strides: [-3, -1] }, /impossible strides/],
    ['a stride beyond its storage', { strides: [2 ** 50, 1] }, /reaches element/],
    ['a giant offset', { offset: 2 ** 52 }, /reaches element/],
    ['too few strides', { strides: [1] }, /impossible strides/],
    ['a storage that is not there', { key: '1' }, /storage "1" should have 24 bytes and is not there/],
    ['a storage outside of the checkpoint', { key: '../../version' }, /is not there/],
    ['a storage of another length', { elements: 7 }, /storage "0" should have 28 bytes and has 24/],
    ['a storage of another format', { storageType: 'DoubleStorage' }, /should have 48 bytes and has 24/],
    ['a storage of a negative length', { elements: -6 }, /should have -24 bytes/],
    ['numbers repeated without end', { shape: [2 ** 27, 2], strides: [0, 1] }, /repeats 6 numbers/],
  ])('with %s', async (_, tensor, message) => {
    await expectRefused(checkpointOf(tensorPickle(tensor), { 0: numbers }), message);
  });
});

describe('a bomb is refused before it takes memory', () => {
  const { start, end, text } = pickled;
  const bytes = (...codes: number[]) => Buffer.from(codes);

  test.each<[string, () => Buffer, RegExp]>([
    ['lists without end', () => Buffer.alloc(4_000_000, ']'), /more than \d+ (lists|values|instructions)/],
    ['lists made and dropped', () => Buffer.alloc(4_000_000, ']0'), /more than \d+ lists/],
    ['dictionaries made and kept', () => Buffer.alloc(4_000_000, '}q\x000', 'latin1'), /more than \d+/],
    ['marks without end', () => Buffer.alloc(1_000_000, '('), /nested more than 200 deep/],
    ['tuples in tuples', () => Buffer.concat([bytes(0x29), Buffer.alloc(3_000_000, 0x85)]), /more than \d+ lists/],
    ['values stacked', () => Buffer.alloc(3_000_000, 'N'), /stacks more than/],
    ['a value doubled', () => Buffer.concat([text('a'), Buffer.alloc(3_000_000, '2')]), /stacks more than/],
    ['a text of a stated length', () => bytes(0x8d, 0, 0, 0, 0, 0, 1, 0, 0), /is cut off/],
    ['bytes of a stated length', () => bytes(0x42, 0xff, 0xff, 0xff, 0xff), /is cut off/],
    ['a giant integer', () => Buffer.concat([bytes(0x8a, 255), Buffer.alloc(255, 1)]), /integer of 255 bytes/],
    ['a memo that was never written', () => bytes(0x6a, 0xff, 0xff, 0xff, 0xff), /recalls value 4294967295/],
    ['an append to nothing', () => bytes(0x61), /not there/],
    ['a tuple without a mark', () => bytes(0x74), /mark is missing/],
    ['nothing at all', () => Buffer.alloc(0), /not there/],
  ])('%s', async (_, instructions, message) => {
    await expectRefused(checkpointOf(Buffer.concat([start, instructions(), end])), message);
  });

  test('lists that hold one another are as small as they are written', async () => {
    // [[[[...], [...]], ...]]: two to the power of 30 lists, were they written out.
    const doubled = Buffer.concat(
      Array.from({ length: 30 }, (_, i) => Buffer.from([0x71, i, 0x30, 0x28, 0x68, i, 0x68, i, 0x74])),
    );
    await using checkpoint = await open(checkpointOf(Buffer.concat([start, Buffer.from(']'), doubled, end])));
    expect(checkpoint.value).toHaveLength(2);
  });

  test('a list that holds itself is no dictionary of tensors', async () => {
    await using checkpoint = await open(
      checkpointOf(Buffer.concat([start, Buffer.from(']q\x00h\x00a', 'latin1'), end])),
    );
    expect(() => tensorSourceOf(checkpoint.value, 'model.pkl')).toThrow('is a list');
  });

  test('compressed members are refused, however small they are', async () => {
    const zeros = Buffer.alloc(2 ** 26);
    const pickle = { name: 'model/data.pkl', data: tensorPickle({ elements: 2 ** 24 }) };
    const packed = deflateRawSync(zeros);
    const bomb = { name: 'model/data/0', data: packed, method: 8, statedSize: zeros.length };
    await expectRefused(zipOf([pickle, bomb]), /"model\/data\/0" is compressed/);
    const lying = { name: 'model/data/0', data: packed, statedSize: zeros.length };
    await expectRefused(zipOf([pickle, lying]), /not a sound zip/);
  });

  test('members that lie in one another are refused', async () => {
    const pickle = { name: 'model/data.pkl', data: tensorPickle() };
    const first = { name: 'model/data/0', data: numbers };
    const inside = { name: 'model/data/1', data: numbers, statedOffset: 0 };
    await expectRefused(zipOf([pickle, first, inside]), /lies in another one/);
    await expectRefused(
      zipOf([pickle, first, { ...first, statedOffset: 10_000_000 }]),
      /two members|lies in|damaged|sound/,
    );
    await expectRefused(zipOf([pickle, first, first]), /two members/);
  });
});

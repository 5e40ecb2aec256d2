import { Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';

import { explainStartFailure } from '../../dist/generator/session-failure.js';
import { SessionHandover } from '../../dist/generator/session-handover.js';
import { type RunBuffers, transferable } from '../../dist/generator/session-protocol.js';

test('a tensor that turns out to be none of float32 is refused', () => {
  const handover = new SessionHandover({ number: 1, takes: [], gives: ['lights', 'maps'] }, Tensor);
  const lights = new Tensor('float32', [1, 2], [2]);
  expect(() => handover.learn({ lights, maps: new Tensor('uint8', [1, 2], [2]) })).toThrow(
    'Tensor "maps", at which it is split, is uint8, not float32.',
  );
});

test('a stage in the middle takes tensors of some shapes and gives some of others', () => {
  const takes = [
    { tensor: 'lights', shape: [1, 3] },
    { tensor: 'seen', shape: [2] },
  ];
  const handover = new SessionHandover({ number: 2, takes, gives: ['maps', 'cells'] }, Tensor);
  const before = handover.buffersOf({});
  expect(before.taken?.map(({ byteLength }) => byteLength)).toEqual([12, 8]);
  expect([before.given, handover.gives]).toEqual([undefined, []]);
  expect(handover.feeds(before)).toMatchObject({ lights: { dims: [1, 3] }, seen: { dims: [2] } });
  expect(handover.fetches(before)).toEqual({ maps: null, cells: null });
  handover.learn({ cells: new Tensor('float32', [1], [1]), maps: new Tensor('float32', [1, 2], [1, 2]) });
  const gives = [
    { tensor: 'maps', shape: [1, 2] },
    { tensor: 'cells', shape: [1] },
  ];
  expect(handover.gives).toEqual(gives);
  const brought = { taken: before.taken, given: [new ArrayBuffer(8), new ArrayBuffer(4)] };
  expect(handover.buffersOf(brought)).toEqual(brought);
  expect(handover.buffersOf({}).given?.map(({ byteLength }) => byteLength)).toEqual([8, 4]);
  const written = handover.fetches(brought);
  expect(written).toMatchObject({ maps: { dims: [1, 2] }, cells: { dims: [1] } });
  expect([written.maps, written.cells].map((tensor) => (tensor?.data as Float32Array).buffer)).toEqual(brought.given);
});

test('all memory of a run moves with it', () => {
  const [input, output, lights, seen, maps] = [1, 2, 3, 4, 5].map((length) => new ArrayBuffer(length));
  const moved = transferable({ input, output, taken: [lights, seen], given: [maps] } as RunBuffers);
  expect(moved.map(({ byteLength }) => byteLength)).toEqual([1, 2, 3, 4, 5]);
  expect(transferable({ input, output } as RunBuffers)).toHaveLength(2);
});

test('a whole network takes and gives nothing', () => {
  const handover = new SessionHandover(undefined, Tensor);
  handover.learn({ translated: new Tensor('uint8', [1], [1]) });
  expect([handover.feeds({}), handover.fetches({}), handover.gives]).toEqual([{}, {}, []]);
});

test('a stage whose tensor is declared to be none of float32 is one that cannot be split there', () => {
  const message = 'Tensor "maps", at which it is split, is uint8, not float32.';
  const purpose = { graph: 'model.onnx', provider: 'cpu', stage: { gives: ['lights', 'maps'] } } as const;
  expect(explainStartFailure(message, purpose)).toMatchObject({
    name: 'ModelError',
    message: 'model.onnx can\'t be split at "maps": it is uint8, not float32.',
    remedy: expect.stringContaining('"splitAt" in the manifest') as string,
  });
  expect(explainStartFailure(message, { ...purpose, stage: { gives: ['other'] } }).message).not.toContain('split at "');
});

import { readFile } from 'node:fs/promises';

import { describe, expect, test } from 'vitest';

import { graphFields, readGraphParts } from '../../dist/generator/graph-parts.js';
import type { ModelState } from '../../dist/generator/manifest.js';
import { fields } from '../../dist/generator/protobuf-wire.js';
import { splitGraph } from '../../dist/generator/split-graph.js';
import { valuesOf, writeStages } from '../support/graph-values.js';
import { fixture } from '../support/models.js';
import { readSpoiled } from '../support/spoiled-files.js';

/** Names of the tensors that are declared though they are no inputs or outputs. */
function shapesInside(file: Uint8Array): readonly (string | undefined)[] {
  const bytes = Buffer.from(file);
  const graph = [...fields({ byte: (at) => bytes[at] ?? 0 }, 0, bytes.length)].find(({ number }) => number === 7);
  const { others } = readGraphParts(bytes, graph ?? { from: 0, to: 0 });
  return others.filter(({ field }) => field.number === graphFields.valueInfo).map(({ tensor }) => tensor);
}

/** A state by the names of what is fed and what is given. */
function state(input: string, output: string): ModelState {
  return { input, output, initialShape: [1], initial: 0 };
}

describe('a graph that remembers', () => {
  const both = [state('mean', 'newMean'), state('count', 'newCount')];
  const model = readFile(`${fixture('running-mean')}/model.onnx`);

  test.each([
    ['first', [['sum']], 0],
    ['last', [['nothing']], 1],
    ['last, after what all is made from', [['x', 'nothing']], 1],
    ['second of three', [['nothing'], ['sum']], 1],
    ['second of three, after what it alone reads', [['x'], ['sum']], 1],
    ['second of three, after two tensors', [['nothing', 'x'], ['sum']], 1],
    ['third of four', [['index'], ['nothing'], ['sum']], 2],
  ])('does so in the stage that reads what it remembers: the %s', async (_, splits, owner) => {
    const stages = splitGraph(await model, { splits, output: 'translated', states: both });
    const values = await Promise.all(writeStages(stages, splits).map(valuesOf));
    for (const [index, { inputs, outputs }] of values.entries()) {
      const before = splits[index - 1] ?? [];
      const own = index === owner ? both : [];
      expect(stages[index]?.states).toEqual(own);
      expect(inputs.filter((name) => name !== 'frame')).toEqual([...before, ...own.map(({ input }) => input)].sort());
      expect(outputs).toEqual([...(splits[index] ?? ['translated']), ...own.map(({ output }) => output)].sort());
    }
  });

  test('may remember in several stages, each what it alone reads', async () => {
    const states = [state('mean', 'newMean'), state('unread', 'rounded')];
    const splits = [['sum']];
    const stages = splitGraph(await model, { splits, output: 'translated', states });
    expect(stages.map((stage) => stage.states)).toEqual(states.map((one) => [one]));
    const values = await Promise.all(writeStages(stages, splits).map(valuesOf));
    expect(values[0]).toMatchObject({ inputs: ['count', 'frame', 'mean'], outputs: ['newMean', 'sum'] });
    expect(values[1]).toMatchObject({ inputs: ['sum'], outputs: ['translated'] });
  });

  test('may take what nothing but its memory needs', async () => {
    const splits = [['sum', 'difference']];
    const states = [state('mean', 'newMean'), state('unread', 'step')];
    const stages = splitGraph(await model, { splits, output: 'translated', states });
    // What the mean becomes comes from a tensor that is handed over, too, but by the first stage's own doing.
    expect(stages.map((stage) => stage.states)).toEqual(states.map((one) => [one]));
    expect(await Promise.all(writeStages(stages, splits).map(valuesOf))).toMatchObject([
      { inputs: ['count', 'frame', 'mean'], outputs: ['difference', 'newMean', 'sum'] },
      { inputs: ['count', 'difference', 'sum'], outputs: ['translated'] },
    ]);
  });

  test.each([
    ['is not there', [['maps']], both, 'no node of it gives "maps"'],
    ['is not there after one that is', [['sum'], ['maps']], both, 'no node of it gives "maps"'],
    ['is not there beside one that is', [['sum', 'maps']], both, 'no node of it gives "maps"'],
    ['is an input', [['frame']], both, 'no node of it gives "frame"'],
    ['is a weight', [['bytesAllowed']], both, 'no node of it gives "bytesAllowed"'],
    ['is the picture', [['translated']], both, '"translated" doesn\'t depend on "translated"'],
    ['comes too early', [['sum'], ['nothing']], both, '"nothing" doesn\'t depend on "sum"'],
    ['has nothing to do with the one before', [['x'], ['nothing']], both, '"nothing" doesn\'t depend on "x"'],
    [
      'has nothing to do with those before',
      [['x', 'sum'], ['nothing']],
      both,
      '"nothing" doesn\'t depend on "x", "sum"',
    ],
    [
      'is of no use after the split, but another is',
      [['sum', 'x']],
      both,
      'neither "translated" nor what is remembered beside it depends on "x"',
    ],
    ['is remembered', [['sum', 'newMean']], both, '"newMean" is what the state "mean" becomes'],
    [
      'is passed by by a state',
      [['difference']],
      both,
      'both what gives "difference" and what gives "translated" read the state "mean"',
    ],
    [
      'is passed by by a state between others',
      [['x'], ['difference'], ['sum']],
      both,
      'both what gives "difference" and what gives "sum" read the state "mean"',
    ],
    [
      'is passed by by a state, beside another',
      [['nothing', 'difference'], ['sum']],
      both,
      'both what gives "nothing", "difference" and what gives "sum" read the state "mean"',
    ],
    [
      'lies between where a state is read and where it is given',
      [['x', 'sum']],
      [state('mean', 'rounded')],
      'what gives "x", "sum" reads the state "mean", but "rounded", which it becomes, comes from "sum"',
    ],
    [
      'parts a state from another that depends on it',
      [['nothing']],
      [state('unread', 'newMean'), state('count', 'newCount')],
      'what is remembered beside "nothing" depends on the state "count", which is read for "translated"',
    ],
  ])('is not split at a tensor that %s', async (_, splits, states, message) => {
    const whole = await model;
    expect(() => splitGraph(whole, { splits, output: 'translated', states })).toThrow(message);
  });
});

test('what the graphs inside a node read from around it goes with the node', async () => {
  const model = await readFile(`${fixture('chooses-by-size')}/model.onnx`);
  const splits = [['pixels'], ['x']];
  const stages = writeStages(splitGraph(model, { splits, output: 'translated', states: [] }), splits);
  const values = await Promise.all(stages.map(valuesOf));
  expect(values).toMatchObject([
    { inputs: ['frame'], outputs: ['pixels'] },
    { inputs: ['pixels'], outputs: ['x'] },
    { inputs: ['frame', 'x'], outputs: ['translated'] },
  ]);
  // As an input or output, once: what the file says of the shapes inside it goes without them.
  expect(stages.map(shapesInside)).toEqual([[], [], ['sum']]);
  // TensorProto.name of the weights that only the branches of its If read.
  const weightsOf = (bytes: Uint8Array) => ['one', 'two'].map((name) => Buffer.from(bytes).includes(`\x42\x03${name}`));
  expect(stages.map(weightsOf)).toEqual([
    [false, false],
    [false, false],
    [true, true],
  ]);
});

test('a file that is cut off or spoiled anywhere gives an error or three stages, never a hang', async () => {
  const whole = await readFile(`${fixture('chooses-by-size')}/model.onnx`);
  const points = { splits: [['pixels'], ['x']], output: 'translated', states: [] };
  const results = readSpoiled(whole, (bytes) => writeStages(splitGraph(bytes, points), points.splits));
  const split = results.flatMap((result) => (result instanceof Error ? [] : [result]));
  expect(results.length - split.length).toBeGreaterThan(whole.length / 2);
  expect(split.every((stages) => stages.length === 3 && stages.every(({ length }) => length > 0))).toBe(true);
});

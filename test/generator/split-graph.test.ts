import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { listModels } from '../../dist/catalogue/list-models.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { readGraphHeader } from '../../dist/generator/onnx-header.js';
import { splitGraph } from '../../dist/generator/split-graph.js';
import { root } from '../support/media.js';
import { fixture, temporaryFolder } from '../support/models.js';
import { readSpoiled } from '../support/spoiled-files.js';

const packages = (await listModels({ directory: path.join(root, 'models') })).filter(({ problem }) => !problem);
const models = await Promise.all(packages.map(({ directory }) => loadModelPackage(directory)));
const graphs = models.flatMap(({ directory, manifest }) =>
  manifest.graphs.map((graph) => ({
    name: `${manifest.id}, ${graph.precision}`,
    file: path.join(directory, graph.file),
    tensor: graph.splitAt ?? '',
    manifest,
  })),
);

/** The names of a graph's inputs and outputs, and how those of one name are declared. */
async function valuesOf(bytes: Uint8Array) {
  const file = path.join(await temporaryFolder(), 'half.onnx');
  await writeFile(file, bytes);
  const { opset, inputs, outputs } = readGraphHeader(file);
  return {
    opset,
    inputs: inputs.map(({ name }) => name).sort(),
    outputs: outputs.map(({ name }) => name).sort(),
    find: (wanted: string) => [...inputs, ...outputs].find(({ name }) => name === wanted),
  };
}

describe.each(graphs)('$name, split where its manifest says', ({ file, tensor, manifest }) => {
  test('has halves of which the first remembers and the second draws', async () => {
    const whole = await readFile(file);
    const halves = splitGraph(whole, { tensor, output: 'translated', states: manifest.states });
    const [first, second] = [await valuesOf(halves.first), await valuesOf(halves.second)];
    const states = manifest.states.map(({ input }) => input);
    expect(states).toHaveLength(3);
    expect(first.inputs).toEqual(['frame', ...states, 'strength'].sort());
    expect(first.outputs).toEqual([tensor, ...manifest.states.map(({ output }) => output)].sort());
    expect(second.inputs).toEqual(expect.arrayContaining(['frame', tensor]));
    expect(second.inputs.filter((name) => states.includes(name))).toEqual([]);
    expect(second.inputs.includes('time')).toBe(manifest.conditions.some(({ kind }) => kind === 'time'));
    expect(second.outputs).toEqual(['translated']);
    expect([first.opset, second.opset]).toEqual([17, 17]);
    expect(first.find(tensor)).toEqual(second.find(tensor));
    expect(first.find(tensor)).toMatchObject({ elementType: 1 });
    // Weights are with whom they belong to: all layers with the first, next to none with the second but textures that fall.
    expect(halves.first.length).toBeGreaterThan(0.7 * whole.length);
    expect(halves.second.length).toBeLessThan(0.35 * whole.length);
    expect(halves.first.length + halves.second.length).toBeLessThan(1.03 * whole.length);
  });
});

describe('a tensor that does not separate what is remembered from what is drawn', () => {
  const states = [
    { input: 'mean', output: 'newMean' },
    { input: 'count', output: 'newCount' },
  ];

  test.each([
    ['is not there', 'maps', 'no node of it gives such a tensor'],
    ['is an input', 'frame', 'no node of it gives such a tensor'],
    ['is a weight', 'bytesAllowed', 'no node of it gives such a tensor'],
    ['is the picture', 'translated', '"translated" doesn\'t depend on it'],
    ['is passed by', 'nothing', '"translated" depends on the state "mean" by another way, too'],
    ['is remembered', 'newMean', 'the state "newMean" depends on it'],
  ])('since it %s is refused', async (_, tensor, message) => {
    const model = await readFile(`${fixture('running-mean')}/model.onnx`);
    expect(() => splitGraph(model, { tensor, output: 'translated', states })).toThrow(message);
  });

  test('is told from one that does', async () => {
    const model = await readFile(`${fixture('running-mean')}/model.onnx`);
    const { first, second } = splitGraph(model, { tensor: 'sum', output: 'translated', states });
    expect(await valuesOf(first)).toMatchObject({
      inputs: ['count', 'frame', 'mean'],
      outputs: ['newCount', 'newMean', 'sum'],
    });
    expect(await valuesOf(second)).toMatchObject({ inputs: ['sum'], outputs: ['translated'] });
  });

  test('is refused where what is remembered comes after it', async () => {
    const model = await readFile(`${fixture('running-mean')}/model.onnx`);
    const point = { tensor: 'x', output: 'translated', states: [{ input: 'unused', output: 'newMean' }] };
    expect(() => splitGraph(model, point)).toThrow('the state "newMean" depends on it');
  });
});

test('what the graphs inside a node read from around it goes with the node', async () => {
  const model = await readFile(`${fixture('chooses-by-size')}/model.onnx`);
  const { first, second } = splitGraph(model, { tensor: 'x', output: 'translated', states: [] });
  expect(await valuesOf(first)).toMatchObject({ inputs: ['frame'], outputs: ['x'] });
  expect(await valuesOf(second)).toMatchObject({ inputs: ['frame', 'x'], outputs: ['translated'] });
  // TensorProto.name of the weights that only the branches of its If read.
  const weightsOf = (half: Uint8Array) => ['one', 'two'].map((name) => Buffer.from(half).includes(`\x42\x03${name}`));
  expect([weightsOf(first), weightsOf(second)]).toEqual([
    [false, false],
    [true, true],
  ]);
});

test('a file that is cut off or spoiled anywhere gives an error or two halves, never a hang', async () => {
  const whole = await readFile(`${fixture('chooses-by-size')}/model.onnx`);
  const results = readSpoiled(whole, (bytes) => splitGraph(bytes, { tensor: 'x', output: 'translated', states: [] }));
  const halves = results.flatMap((result) => (result instanceof Error ? [] : [result]));
  expect(results.length - halves.length).toBeGreaterThan(whole.length / 2);
  expect(halves.every(({ first, second }) => first.length > 0 && second.length > 0)).toBe(true);
});

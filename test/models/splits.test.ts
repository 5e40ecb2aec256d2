import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { listModels } from '../../dist/catalogue/list-models.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { splitGraph } from '../../dist/generator/split-graph.js';
import { valuesOf, writeStages } from '../support/graph-values.js';
import { root } from '../support/media.js';

const packages = (await listModels({ directory: path.join(root, 'models') })).filter(({ problem }) => !problem);
const models = await Promise.all(packages.map(({ directory }) => loadModelPackage(directory)));
const graphs = models.flatMap(({ directory, manifest }) =>
  manifest.graphs.map((graph) => ({
    name: `${manifest.id}, ${graph.precision}`,
    file: path.join(directory, graph.file),
    splits: graph.splitAt ?? [],
    manifest,
  })),
);

const lengthOf = (stages: readonly Uint8Array[]) => stages.reduce((sum, { length }) => sum + length, 0);

describe.each(graphs)('$name, split where its manifest says', ({ file, splits, manifest }) => {
  test('has a stage that remembers, one that draws, and before them its light head, if it has one', async () => {
    const { states, conditions, id } = manifest;
    const whole = await readFile(file);
    const stages = splitGraph(whole, { splits, output: 'translated', states });
    const written = writeStages(stages, splits);
    const lights = splits.slice(0, -1);
    expect(lights).toEqual(id === 'day-to-night' ? [['stem.seen', 'colours.flat', 'light_head.sure']] : []);
    expect(states).toHaveLength(3);
    const inputsOfStates = states.map(({ input }) => input);

    const values = await Promise.all(written.map(valuesOf));
    expect(values.map(({ outputs }) => outputs)).toEqual([
      ...lights.map((light) => light.toSorted()),
      ['maps.all', ...states.map(({ output }) => output)].sort(),
      ['translated'],
    ]);
    expect(values.slice(0, -1).map(({ inputs }) => inputs)).toEqual([
      ...lights.map(() => ['frame']),
      [...(lights.length === 0 ? ['frame'] : lights.flat()), ...inputsOfStates, 'strength'].sort(),
    ]);
    const drawing = values.at(-1)?.inputs ?? [];
    expect(drawing).toEqual(expect.arrayContaining(['frame', 'maps.all']));
    expect(drawing.filter((name) => [...lights.flat(), ...inputsOfStates].includes(name))).toEqual([]);
    expect(drawing.includes('time')).toBe(conditions.some(({ kind }) => kind === 'time'));

    expect(stages.map((stage) => stage.states)).toEqual([...lights.map(() => []), states, []]);
    expect(stages.map(({ takes, gives }) => [takes, gives])).toEqual(
      stages.map((_, index) => [splits[index - 1] ?? [], splits[index] ?? []]),
    );
    expect(values.map(({ opset }) => opset)).toEqual(stages.map(() => 17));
    for (const [place, tensor] of splits.flat().entries()) {
      const index = splits.findIndex((tensors) => tensors.includes(tensor));
      expect(values[index]?.find(tensor)).toMatchObject({ elementType: 1 });
      expect(values[index + 1]?.find(tensor)).toMatchObject({ elementType: 1, dimensions: [place, 2] });
    }
    // The layer that looks at the frame is the first stage's alone, though other stages go on from it.
    expect(written.map((bytes) => Buffer.from(bytes).includes('see.weight'))).toEqual(
      stages.map((_, index) => index === 0),
    );
    // Weights are with whom they belong to: next to none with the stage that draws but textures that fall.
    expect(lengthOf(written.slice(0, -1))).toBeGreaterThan(0.7 * whole.length);
    expect(lengthOf(written.slice(-1))).toBeLessThan(0.35 * whole.length);
    expect(lengthOf(written)).toBeLessThan(1.04 * whole.length);
  });
});

test.each([
  [
    'clear-to-foggy',
    [['stem.seen']],
    'what gives "translated" from "stem.seen" also needs the node that gives "stem.seen"',
  ],
  [
    'clear-to-foggy',
    [['polish8.sum.relu'], ['polish16.sum.relu']],
    'what gives "translated" from "polish16.sum.relu" also needs the node that gives "polish8.sum.relu"',
  ],
  [
    'day-to-night',
    [['stem.seen', 'light_head.sure'], ['maps.all']],
    'what gives "maps.all" from "stem.seen", "light_head.sure" also needs the node that gives "stem.seen"',
  ],
])('%s is not split at %j, where stages would do again what one has done', async (id, splits, message) => {
  const model = models.find(({ manifest }) => manifest.id === id);
  const whole = await readFile(path.join(model?.directory ?? '', 'model.onnx'));
  const points = { splits, output: 'translated', states: model?.manifest.states ?? [] };
  expect(() => splitGraph(whole, points)).toThrow(message);
});

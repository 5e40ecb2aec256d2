import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

import { listModels } from '../../dist/catalogue/list-models.js';
import { fixDimensions } from '../../dist/generator/fix-dimensions.js';
import { createGenerator } from '../../dist/generator/generator.js';
import type { ModelManifest } from '../../dist/generator/manifest.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { readGraphHeader } from '../../dist/generator/onnx-header.js';
import { encodeVarint, type Field, fields } from '../../dist/generator/protobuf-wire.js';
import { root } from '../support/media.js';
import { copyOfFixture, editManifest, fixture, frameOf, temporaryFolder } from '../support/models.js';
import { readSpoiled } from '../support/spoiled-files.js';

const packages = (await listModels({ directory: path.join(root, 'models') })).filter(({ problem }) => !problem);
const graphs = (await Promise.all(packages.map(({ directory }) => loadModelPackage(directory)))).flatMap(
  ({ directory, manifest }) =>
    manifest.graphs.map(({ precision, file }) => ({
      name: `${manifest.id}, ${precision}`,
      manifest,
      // In int8 not a bit is another. With the size known, onnxruntime adds up some fp32 convolutions in another order.
      share: precision === 'int8' ? 0 : 1e-4,
      file: path.join(directory, file),
    })),
);

/** What a shipped graph makes of two frames that follow each other, all conditions at their defaults. */
async function draw(session: InferenceSession, { conditions, states }: ModelManifest, width: number, height: number) {
  const numbers = conditions.map(({ input, default: value }) => [input, new Tensor('float32', [value], [1])] as const);
  let memory = states.map(({ input, initialShape, initial }): [string, Tensor | undefined] => {
    const length = initialShape.reduce((product, size) => product * size, 1);
    return [input, new Tensor('float32', new Float32Array(length).fill(initial), initialShape)];
  });
  const drawn: Uint8Array[] = [];
  for (const index of [7, 8]) {
    const frame = new Tensor('uint8', frameOf(index, width, height).pixels, [1, height, width, 3]);
    const feeds = { frame, ...Object.fromEntries([...numbers, ...memory]) } as Record<string, Tensor>;
    const results = await session.run(feeds);
    drawn.push(results.translated?.data as Uint8Array);
    memory = states.map(({ input, output }) => [input, results[output]]);
  }
  return Buffer.concat(drawn);
}

/** How many values differ, as a share of all, and by how much at most. */
function difference(one: Uint8Array, other: Uint8Array) {
  const differing = one.map((value, at) => Math.abs(value - (other[at] ?? NaN))).filter((value) => value !== 0);
  return {
    length: other.length,
    share: differing.length / one.length,
    greatest: differing.reduce((most, value) => Math.max(most, value), 0),
  };
}

/** The parts of a model, those of its graph among them: its inputs, and all others as text. */
function partsOf(bytes: Uint8Array) {
  const source = { byte: (at: number) => bytes[at] ?? 0 };
  const text = ({ number, from, to }: Field) =>
    `${number}: ${Buffer.from(bytes.subarray(from, to)).toString('latin1')}`;
  const model = [...fields(source, 0, bytes.length)];
  const graph = model.find(({ number }) => number === 7) ?? { from: 0, to: 0 };
  const ofGraph = [...fields(source, graph.from, graph.to)];
  return {
    inputs: ofGraph.filter(({ number }) => number === 11).map(text),
    others: [...model.filter(({ number }) => number !== 7), ...ofGraph.filter(({ number }) => number !== 11)].map(text),
  };
}

describe.each(graphs)('$name, its size fixed', ({ file, manifest, share }) => {
  test('draws what it draws with its size left free, and nothing at another size', async () => {
    const free = await InferenceSession.create(file);
    // Sizes that the graph pads, and odd ones, which the engine wouldn't ask for.
    for (const [width, height] of [
      [98, 74],
      [97, 75],
      [2, 2],
      [640, 360],
    ] as const) {
      const fixed = await InferenceSession.create(fixDimensions(await readFile(file), { width, height }));
      const expected = await draw(free, manifest, width, height);
      const found = difference(expected, await draw(fixed, manifest, width, height));
      expect(found.length).toBe(2 * width * height * 3);
      expect(found.share).toBeLessThanOrEqual(share);
      expect(found.greatest).toBeLessThanOrEqual(1);
      await expect(draw(fixed, manifest, width + 2, height)).rejects.toThrow(/invalid dimensions for input: frame/);
      await fixed.release();
    }
    await free.release();
  });

  test('has all else byte for byte, and all of it where nothing is to be fixed', async () => {
    const model = await readFile(file);
    const [before, after] = [partsOf(model), partsOf(fixDimensions(model, { width: 98, height: 74 }))];
    expect(after.others.length).toBeGreaterThan(100);
    expect(after.others).toEqual(before.others);
    expect(after.inputs).not.toEqual(before.inputs);
    expect(Buffer.from(fixDimensions(model, {})).equals(model)).toBe(true);
  });
});

describe('only what is named is fixed', () => {
  async function inputsOf(model: string, values: Readonly<Record<string, number>>) {
    const file = path.join(await temporaryFolder(), 'fixed.onnx');
    await writeFile(file, fixDimensions(await readFile(`${fixture(model)}/model.onnx`), values));
    return readGraphHeader(file).inputs.map(({ name, dimensions }) => [name, dimensions]);
  }

  test('not the sizes of states', async () => {
    expect(await inputsOf('running-mean', { width: 64, height: 48 })).toEqual([
      ['frame', [1, 48, 64, 3]],
      ['mean', [1, 'seen_height', 'seen_width', 3]],
      ['count', [1]],
    ]);
  });

  test('not a size that is a number already', async () => {
    expect(await inputsOf('fixed-size', { width: 64, height: 48 })).toEqual([
      ['frame', [1, 48, 64, 3]],
      ['strength', [1]],
    ]);
  });

  test('at numbers of any length, what dimensions denote stays', async () => {
    for (const width of [1, 127, 128, 16383, 16384, 2 ** 31]) {
      expect(await inputsOf('chooses-by-size', { width })).toEqual([['frame', [1, 'height', width, 3]]]);
    }
    const model = await readFile(`${fixture('chooses-by-size')}/model.onnx`);
    const input = partsOf(fixDimensions(model, { width: 64, height: 48 })).inputs[0];
    expect(input).toMatch(/N.*ROWS.*COLUMNS.*C/s);
    expect(input).not.toMatch(/width|height/);
  });
});

test('a file that is cut off or spoiled anywhere gives an error or a graph, never a hang', async () => {
  const whole = await readFile(`${fixture('invert')}/model.onnx`);
  const results = readSpoiled(whole, (bytes) => fixDimensions(bytes, { width: 64, height: 48 }));
  expect(results.filter((result) => result instanceof Error).length).toBeGreaterThan(whole.length / 2);
  expect(results.every((result) => result instanceof Error || result instanceof Uint8Array)).toBe(true);
});

describe('the engine', () => {
  // Its graph adds to each column its number, and 2 to pictures of more than 40 rows, 1 to others: it has 64 columns. The
  // names of the frame's dimensions are those of intermediate results, too, and its weights are in another file.
  async function drawGrey(folder: string, width: number, height: number): Promise<Uint8Array> {
    const model = await loadModelPackage(folder);
    await using generator = await createGenerator({ model, width, height, device: 'cpu', sessions: 1 });
    const pixels = new Uint8Array(width * height * 3).fill(100);
    const frame = { index: 0, timestamp: 0, width, height, pixels };
    return (await generator.translate(frame, new ArrayBuffer(pixels.length))).frame.pixels;
  }

  test.each([
    [48, 102],
    [40, 101],
  ])('lets a graph choose by its size: %i rows', async (height, first) => {
    const pixels = await drawGrey(fixture('chooses-by-size'), 64, height);
    expect(pixels).toEqual(pixels.map((_, at) => first + (Math.floor(at / 3) % 64)));
  });

  test('loads a graph for the size that it is to have, and refuses it where it has no such size', async () => {
    await expect(drawGrey(fixture('chooses-by-size'), 96, 48)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(/model\.onnx .*ShapeInferenceError.* Incompatible dimensions/) as string,
    });
  });

  test('leaves the size of a graph of more than 100 MB free, and runs it', async () => {
    const folder = await copyOfFixture('chooses-by-size');
    const file = path.join(folder, 'model.onnx');
    const note = 'x'.repeat(110e6);
    // ModelProto.doc_string
    const large = Buffer.concat([
      await readFile(file),
      encodeVarint(6 * 8 + 2),
      encodeVarint(note.length),
      Buffer.from(note),
    ]);
    await writeFile(file, large);
    await editManifest(folder, ({ graphs: [graph = {}] }) => {
      Object.assign(graph, { bytes: large.length, sha256: createHash('sha256').update(large).digest('hex') });
    });
    expect(new Set(await drawGrey(folder, 64, 48)).size).toBe(64);
    await expect(drawGrey(folder, 96, 48)).rejects.toThrow(/invalid dimensions for output: translated/);
  });
});

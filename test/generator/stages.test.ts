import path from 'node:path';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { listModels } from '../../dist/catalogue/list-models.js';
import type { Frame } from '../../dist/frame/frame.js';
import {
  type ConditionValues,
  createGenerator,
  createStillGenerator,
  type Generator,
  type GeneratorOptions,
} from '../../dist/generator/generator.js';
import type { ModelGraph } from '../../dist/generator/manifest.js';
import { loadModelPackage, type ModelPackage } from '../../dist/generator/model-package.js';
import { Session } from '../../dist/generator/session.js';
import { valuesOf } from '../support/graph-values.js';
import { root } from '../support/media.js';
import { fixture, frameOf } from '../support/models.js';

const packages = (await listModels({ directory: path.join(root, 'models') })).filter(({ problem }) => !problem);
const shipped = await Promise.all(packages.map(({ directory }) => loadModelPackage(directory)));

/** The package with graphs that are split at tensors, each as a list of what goes on together, or not at all. */
function splitAt(model: ModelPackage, ...splits: (readonly string[])[]): ModelPackage {
  const at = splits.length === 0 ? undefined : splits;
  const graphs = model.manifest.graphs.map((graph): ModelGraph => ({ ...graph, splitAt: at }));
  return { ...model, manifest: { ...model.manifest, graphs } };
}

async function open(model: ModelPackage, options: Partial<GeneratorOptions> = {}): Promise<Generator> {
  const size = { width: 64, height: 48 };
  return createGenerator({ model, ...size, device: 'cpu', sessions: 1, threads: 2, ...options });
}

/** A still street of no place in particular, seen by a camera with noise: most of it is what it was, to the memory. */
function stillFrame(index: number, width: number, height: number): Frame {
  const noise = frameOf(index, width, height);
  const pixels = noise.pixels.map((value, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    return 40 + ((x * 97 + y * 31) % 120) + (value >> 6);
  });
  return { ...noise, pixels };
}

type Step = ConditionValues | 'reset';

/** What becomes of frames that are all given at once, by their place; in the order in which they came back. */
async function draw(generator: Generator, steps: readonly Step[], width: number, height: number) {
  const drawn: { index: number; pixels: Buffer }[] = [];
  const asked = steps.map(async (conditions, index) => {
    if (conditions === 'reset') {
      generator.reset();
      return;
    }
    const frame = stillFrame(index, width, height);
    const translation = await generator.translate(frame, new ArrayBuffer(width * height * 3), conditions);
    drawn.push({ index, pixels: Buffer.from(translation.frame.pixels) });
  });
  await Promise.all(asked);
  return drawn;
}

describe.each(shipped.flatMap((model) => model.manifest.graphs.map((graph) => ({ model, graph }))))(
  '$model.manifest.id, $graph.precision, in stages',
  ({ model, graph }) => {
    const only = { ...model, manifest: { ...model.manifest, graphs: [graph] } };
    const falls = model.manifest.conditions.some(({ kind }) => kind === 'time');
    const at = (strength: number, seconds: number) => (falls ? { strength, time: seconds } : { strength });

    test.each([
      // An odd size, which the graph pads.
      [322, 182, [at(1, 0), at(1, 0.4), at(0.5, 0.8), at(0, 1.2), at(1, 7), 'reset', at(1, 7.4), at(1, 7.8), {}]],
      // One that the network sees reduced.
      [1280, 720, [at(1, 3), at(1, 3.04), at(0.5, 3.08)]],
    ] as const)('draws what it draws as a whole, bit for bit, at %ix%i', async (width, height, steps) => {
      await using whole = await open(splitAt(only), { width, height });
      await using staged = await open(only, { width, height });
      expect([whole.capacity, staged.capacity]).toEqual([2, model.manifest.id === 'day-to-night' ? 4 : 3]);
      const expected = await draw(whole, steps, width, height);
      const found = await draw(staged, steps, width, height);
      expect(found.map(({ index }) => index)).toEqual(
        steps.flatMap((step, index) => (step === 'reset' ? [] : [index])),
      );
      for (const [place, { pixels }] of found.entries()) {
        expect(pixels.equals(expected[place]?.pixels ?? Buffer.alloc(0))).toBe(true);
      }
      // Once more, now that it has something to remember: else nothing above would show that it does.
      const again = await draw(staged, steps.slice(0, 1), width, height);
      expect(again[0]?.pixels.equals(found[0]?.pixels ?? Buffer.alloc(0))).toBe(false);
    });
  },
);

describe('where a session has stages', () => {
  const numbers = ({ threads, capacity }: Generator) => ({ threads, capacity });

  test.each([
    [[['sum']], 3],
    [[['nothing'], ['sum']], 4],
    [[['nothing', 'x'], ['sum']], 4],
  ])('its threads are those of all, and as many frames more are under way: split at %j', async (splits, capacity) => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), ...splits);
    await using two = await open(model);
    await using five = await open(model, { threads: 5, sessions: 2 });
    expect([numbers(two), numbers(five)]).toEqual([
      { threads: 2, capacity },
      { threads: 5, capacity: 2 * capacity },
    ]);
  });

  test('it has one stage for a still picture, whatever its threads', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), ['nothing'], ['sum']);
    const size = { width: 64, height: 48 };
    await using still = await createStillGenerator({ model, ...size, device: 'cpu', sessions: 1, threads: 4 });
    expect(numbers(still)).toEqual({ threads: 4, capacity: 2 });
  });

  test('it has one stage if it has one thread, or the manifest names no tensor', async () => {
    const model = await loadModelPackage(fixture('running-mean'));
    await using unnamed = await open(model);
    await using oneThread = await open(splitAt(model, ['sum']), { threads: 1 });
    expect([numbers(unnamed), numbers(oneThread)]).toEqual([
      { threads: 2, capacity: 2 },
      { threads: 1, capacity: 2 },
    ]);
  });
});

/** The grey that a picture of one grey becomes, or an error's code. */
async function drawGrey(generator: Generator, value: number): Promise<number | string> {
  const frame = { index: 0, width: 64, height: 48, timestamp: 0, pixels: new Uint8Array(64 * 48 * 3).fill(value) };
  return generator.translate(frame, new ArrayBuffer(frame.pixels.length)).then(
    (translation) => translation.frame.pixels[0] ?? NaN,
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('a model with memory in stages', () => {
  test.each([
    ['which fails', [['sum']]],
    ['which fails, in the middle', [['x'], ['sum']]],
    ['which comes last, after one that fails', [['nothing']]],
    ['which comes between, after one that fails', [['nothing'], ['sum']]],
    ['which is handed two tensors, after one that fails', [['nothing', 'x'], ['sum']]],
  ])('forgets at a reset between frames under way, and at a frame that fails: in a stage %s', async (_, splits) => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), ...splits);
    await using generator = await open(model);
    const asked = [40, 60].map((value) => drawGrey(generator, value));
    generator.reset();
    asked.push(...[100, 50, 255, 80, 100].map((value) => drawGrey(generator, value)));
    expect(await Promise.all(asked)).toEqual([40, 50, 100, 75, 'inference-failed', 80, 90]);
  });

  test('in several sessions, each of three stages, deals them frames in turn', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), ['nothing'], ['sum']);
    await using generator = await open(model, { sessions: 2 });
    const asked = [40, 200, 60, 100, 20, 150].map((value) => drawGrey(generator, value));
    expect(await Promise.all(asked)).toEqual([40, 200, 50, 150, 40, 150]);
  });
});

test('weights in a file of their own are found, and what a branch reads of the stage before', async () => {
  const model = splitAt(await loadModelPackage(fixture('chooses-by-size')), ['pixels'], ['x']);
  await using generator = await open(model);
  const frame = frameOf(0, 64, 48);
  const pixels = frame.pixels.map((value) => value >> 1);
  // To each column its number, and 2 as the picture has more than 40 rows.
  const expected = pixels.map((value, at) => value + (Math.floor(at / 3) % 64) + 2);
  const translation = await generator.translate({ ...frame, pixels }, new ArrayBuffer(pixels.length));
  expect(translation.frame.pixels).toEqual(expected);
});

test('a stage is told the shapes of what it takes', async () => {
  const opened = vi.spyOn(Session, 'open');
  onTestFinished(() => opened.mockRestore());
  const model = splitAt(await loadModelPackage(fixture('running-mean')), ['nothing', 'x'], ['sum']);
  await using generator = await open(model);
  const [, middle, last] = await Promise.all(
    opened.mock.calls.map(([{ graphBytes = new Uint8Array() }]) => valuesOf(graphBytes)),
  );
  expect(generator.capacity).toBe(4);
  expect(middle?.find('nothing')).toMatchObject({ elementType: 1, dimensions: [1, 1, 1, 1] });
  expect(middle?.find('x')).toMatchObject({ elementType: 1, dimensions: [1, 48, 64, 3] });
  expect(last?.find('sum')).toMatchObject({ elementType: 1, dimensions: [1, 48, 64, 3] });
});

describe('a graph that cannot be split as its manifest says', () => {
  test.each([
    ['running-mean', [['maps']], /\/model\.onnx can't be split at "maps": no node of it gives "maps"\.$/],
    [
      'running-mean',
      [['x'], ['difference']],
      /\/model\.onnx can't be split at "x", "difference": both .* and what gives "translated" read the state "mean"\.$/,
    ],
    ['chooses-by-size', [['height']], /\/model\.onnx can't be split at "height": it is int64, not float32\.$/],
    ['running-mean', [['index'], ['sum']], /\/model\.onnx can't be split at "index": it is int64, not float32\.$/],
    ['running-mean', [['x', 'index'], ['sum']], /\/model\.onnx can't be split at "index": it is int64, not float32\.$/],
  ])('is a model error that names file and tensors: %s at %j', async (name, splits, message) => {
    const model = splitAt(await loadModelPackage(fixture(name)), ...splits);
    await expect(open(model)).rejects.toMatchObject({
      name: 'ModelError',
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
      remedy: expect.stringContaining('"splitAt" in the manifest') as string,
    });
  });
});

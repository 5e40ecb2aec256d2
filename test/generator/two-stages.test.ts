import path from 'node:path';

import { describe, expect, test } from 'vitest';

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
import { root } from '../support/media.js';
import { fixture, frameOf } from '../support/models.js';

const packages = (await listModels({ directory: path.join(root, 'models') })).filter(({ problem }) => !problem);
const shipped = await Promise.all(packages.map(({ directory }) => loadModelPackage(directory)));

/** The package with graphs that are split at a tensor, or not at all. */
function splitAt(model: ModelPackage, tensor: string | undefined): ModelPackage {
  const graphs = model.manifest.graphs.map((graph): ModelGraph => ({ ...graph, splitAt: tensor }));
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
  '$model.manifest.id, $graph.precision, in two stages',
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
      await using whole = await open(splitAt(only, undefined), { width, height });
      await using staged = await open(only, { width, height });
      expect([whole.capacity, staged.capacity]).toEqual([2, 3]);
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

describe('where a session has two stages', () => {
  const numbers = ({ threads, capacity }: Generator) => ({ threads, capacity });

  test('its threads are those of both, and one frame more is under way', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), 'sum');
    await using two = await open(model);
    await using five = await open(model, { threads: 5, sessions: 2 });
    expect([numbers(two), numbers(five)]).toEqual([
      { threads: 2, capacity: 3 },
      { threads: 5, capacity: 6 },
    ]);
  });

  test('it has one for a still picture, whatever its threads', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), 'sum');
    const size = { width: 64, height: 48 };
    await using still = await createStillGenerator({ model, ...size, device: 'cpu', sessions: 1, threads: 4 });
    expect(numbers(still)).toEqual({ threads: 4, capacity: 2 });
  });

  test('it has one if it has one thread, or the manifest names no tensor', async () => {
    const model = await loadModelPackage(fixture('running-mean'));
    await using unnamed = await open(model);
    await using oneThread = await open(splitAt(model, 'sum'), { threads: 1 });
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

describe('a model with memory in two stages', () => {
  test('forgets at a reset between frames under way, and at a frame that fails', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), 'sum');
    await using generator = await open(model);
    const asked = [40, 60].map((value) => drawGrey(generator, value));
    generator.reset();
    asked.push(...[100, 50, 255, 80, 100].map((value) => drawGrey(generator, value)));
    expect(await Promise.all(asked)).toEqual([40, 50, 100, 75, 'inference-failed', 80, 90]);
  });

  test('in several sessions, each of two stages, deals them frames in turn', async () => {
    const model = splitAt(await loadModelPackage(fixture('running-mean')), 'sum');
    await using generator = await open(model, { sessions: 2 });
    const asked = [40, 200, 60, 100, 20, 150].map((value) => drawGrey(generator, value));
    expect(await Promise.all(asked)).toEqual([40, 200, 50, 150, 40, 150]);
  });
});

test('weights in a file of their own are found, and what a branch reads of the first half', async () => {
  const model = splitAt(await loadModelPackage(fixture('chooses-by-size')), 'x');
  await using generator = await open(model);
  const frame = frameOf(0, 64, 48);
  const pixels = frame.pixels.map((value) => value >> 1);
  // To each column its number, and 2 as the picture has more than 40 rows.
  const expected = pixels.map((value, at) => value + (Math.floor(at / 3) % 64) + 2);
  const translation = await generator.translate({ ...frame, pixels }, new ArrayBuffer(pixels.length));
  expect(translation.frame.pixels).toEqual(expected);
});

describe('a graph that cannot be split as its manifest says', () => {
  test.each([
    ['running-mean', 'maps', /\/model\.onnx can't be split at "maps": no node of it gives such a tensor\.$/],
    [
      'running-mean',
      'nothing',
      /\/model\.onnx can't be split at "nothing": .* the state "mean" by another way, too\.$/,
    ],
    ['chooses-by-size', 'height', /\/model\.onnx can't be split at "height": it is int64, not float32\.$/],
  ])('is a model error that names file and tensor: %s at %s', async (name, tensor, message) => {
    const model = splitAt(await loadModelPackage(fixture(name)), tensor);
    await expect(open(model)).rejects.toMatchObject({
      name: 'ModelError',
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
      remedy: expect.stringContaining('"splitAt" in the manifest') as string,
    });
  });
});

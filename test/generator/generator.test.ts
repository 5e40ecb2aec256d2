import { describe, expect, test } from 'vitest';

import { createGenerator, type Generator, type GeneratorOptions } from '../../dist/generator/generator.js';
import { missingHardware } from '../../dist/generator/hardware.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { fixture, frameOf } from '../support/models.js';

const width = 64;
const height = 48;
const bytes = width * height * 3;

async function open(model: string, options: Partial<GeneratorOptions> = {}): Promise<Generator> {
  return createGenerator({ model: await loadModelPackage(fixture(model)), width, height, device: 'cpu', ...options });
}

describe('a generator', () => {
  test('translates, with the strength it is given and the default otherwise', async () => {
    await using generator = await open('invert');
    const original = frameOf(3, width, height);
    const pixels = original.pixels.slice();
    const negative = await generator.translate(original, new ArrayBuffer(bytes));
    expect(negative.frame.pixels).toEqual(pixels.map((value) => 255 - value));
    expect(negative.inferMilliseconds).toBeGreaterThan(0);
    const same = await generator.translate(negative.source, negative.frame.pixels.buffer, { strength: 0 });
    expect(same.frame.pixels).toEqual(pixels);
    const half = await generator.translate(same.source, same.frame.pixels.buffer, { strength: 0.5 });
    expect(half.frame.pixels.every((value) => value === 127 || value === 128)).toBe(true);
  });

  test('moves both buffers away and gives both back', async () => {
    await using generator = await open('invert');
    const frame = frameOf(5, width, height);
    const pixels = frame.pixels.slice();
    const into = new ArrayBuffer(bytes);
    const answer = generator.translate(frame, into);
    expect(frame.pixels.byteLength).toBe(0);
    expect(into.byteLength).toBe(0);
    const { frame: translated, source } = await answer;
    expect(source).toEqual({ ...frame, pixels });
    expect(translated).toMatchObject({ index: 5, timestamp: 200, width, height });
    expect(translated.pixels.buffer.byteLength).toBe(bytes);
  });

  test('answers in the order asked, one session at a time', async () => {
    await using generator = await open('invert', { sessions: 1 });
    const order: number[] = [];
    const asked = [0, 1, 2, 3, 4].map(async (index) => {
      const { frame } = await generator.translate(frameOf(index, width, height), new ArrayBuffer(bytes));
      order.push(frame.index);
    });
    await Promise.all(asked);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test('draws the same pictures with three sessions as with one', async () => {
    const draw = async (sessions: number) => {
      await using generator = await open('slow', { sessions, threads: 1 });
      expect(generator).toMatchObject({ sessions, threads: 1, capacity: 2 * sessions });
      const frames = Array.from({ length: 9 }, (_, index) => frameOf(index, width, height));
      const asked = frames.map((frame) => generator.translate(frame, new ArrayBuffer(bytes)));
      return (await Promise.all(asked)).map(({ frame }) => Buffer.from(frame.pixels).toString('base64'));
    };
    const one = await draw(1);
    expect(new Set(one).size).toBe(9);
    expect(await draw(3)).toEqual(one);
  });

  test('takes a graph of fixed size at that size only', async () => {
    await using generator = await open('fixed-size');
    await generator.translate(frameOf(0, width, height), new ArrayBuffer(bytes));
    await expect(open('fixed-size', { width: 128 })).rejects.toMatchObject({
      code: 'size-unsupported',
      message: "The model's graph is made for 64x48, not 128x48.",
    });
  });

  test.each([
    [63, 48],
    [64, 4096],
    [0, 48],
    [64.5, 48],
  ])('refuses %dx%d and says which sizes there are', async (w, h) => {
    await expect(open('invert', { width: w, height: h })).rejects.toMatchObject({
      name: 'InputError',
      code: 'size-unsupported',
      message: `Model invert can't translate ${w}x${h}: it takes 2x2 to 1024x1024, both multiples of 2.`,
    });
  });

  test('refuses frames and buffers of another size, and a strength out of range, and goes on', async () => {
    await using generator = await open('invert');
    const frame = frameOf(0, width, height);
    const into = new ArrayBuffer(bytes);
    await expect(generator.translate(frameOf(0, 32, 32), into)).rejects.toThrow(/32x32 was given .* made for 64x48/);
    await expect(generator.translate(frame, new ArrayBuffer(7))).rejects.toThrow(/"into" must be .* 9216 bytes/);
    await expect(generator.translate(frame, frame.pixels.buffer)).rejects.toThrow(/"into" must be a buffer of its own/);
    const part = { ...frame, pixels: new Uint8Array(new ArrayBuffer(2 * bytes), bytes) };
    await expect(generator.translate(part, into)).rejects.toThrow(/span their buffer/);
    await expect(generator.translate(frame, into, { strength: 2 })).rejects.toThrow(/strength is 2/);
    await expect(generator.translate(frame, into)).resolves.toMatchObject({ frame: { index: 0 } });
  });
});

describe('a graph that onnxruntime refuses', () => {
  test('for its opset is a model error that names both opsets', async () => {
    await expect(open('unknown-opset')).rejects.toMatchObject({
      name: 'ModelError',
      code: 'model-invalid',
      message: expect.stringMatching(
        /model\.onnx is written in opset 99; onnxruntime knows opsets up to \d+\.$/,
      ) as string,
    });
  });

  test('for an operator it has not is a model error that names it', async () => {
    await expect(open('unknown-operator', { sessions: 2 })).rejects.toMatchObject({
      name: 'ModelError',
      code: 'model-invalid',
      message: expect.stringMatching(
        /model\.onnx uses an operator that onnxruntime doesn't have: Translate\.$/,
      ) as string,
    });
  });
});

describe('devices', () => {
  test('cuda without CUDA is an error with the command that mends it', async ({ skip }) => {
    skip((await missingHardware('cuda')) === undefined, 'this machine has an NVIDIA GPU, or is not Linux');
    await expect(open('invert', { device: 'cuda' })).rejects.toMatchObject({
      name: 'DeviceError',
      code: 'device-unavailable',
      remedy: expect.stringMatching(
        /npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12|another device/,
      ) as string,
    });
  });

  test('auto runs on the CPU where there is no GPU, and says so once', async ({ skip }) => {
    skip((await missingHardware('webgpu')) === undefined, 'this machine has a GPU, or is not Linux');
    const notices: string[] = [];
    await using generator = await open('invert', { device: 'auto', onNotice: (notice) => notices.push(notice) });
    expect(generator.provider).toBe('cpu');
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/^Running on the CPU \(.*no GPU found.*\)\.$/);
    const { frame } = await generator.translate(frameOf(0, width, height), new ArrayBuffer(bytes));
    expect(frame.pixels).toEqual(frameOf(0, width, height).pixels.map((value) => 255 - value));
  });
});

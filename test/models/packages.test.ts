import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { listModels } from '../../dist/catalogue/list-models.js';
import type { Frame } from '../../dist/frame/frame.js';
import { createGenerator, type ConditionValues } from '../../dist/generator/generator.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { root } from '../support/media.js';
import { frameOf } from '../support/models.js';

const mostBytes = 4_000_000;
const weather = ['clear-to-rainy', 'clear-to-snowy'];
const packages = (await listModels({ directory: join(root, 'models') })).filter(({ problem }) => problem === undefined);

/** A frame of one colour. */
function plain(width: number, height: number, value: number): Frame {
  const pixels = new Uint8Array(width * height * 3).fill(value);
  return { index: 0, width, height, timestamp: 0, pixels };
}

/** Black lettering on white, as on a screen. */
function screen(width: number, height: number): Frame {
  const frame = plain(width, height, 255);
  for (let at = 0; at < frame.pixels.length; at += 3) {
    const [x, y] = [(at / 3) % width, Math.floor(at / 3 / width)];
    if (y % 12 < 7 && ((x * 7 + (y >> 3) * 13) >> 2) % 3 === 0) {
      frame.pixels.fill(20, at, at + 3);
    }
  }
  return frame;
}

async function translated(id: string, frame: Frame, ...conditions: ConditionValues[]): Promise<Uint8Array[]> {
  const { width, height } = frame;
  const model = await loadModelPackage(join(root, 'models', id));
  await using generator = await createGenerator({ model, width, height, device: 'cpu' });
  const results: Uint8Array[] = [];
  for (const values of conditions) {
    const copy = { ...frame, pixels: frame.pixels.slice() };
    results.push((await generator.translate(copy, new ArrayBuffer(width * height * 3), values)).frame.pixels);
  }
  return results;
}

function mean(pixels: Uint8Array): number {
  return pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
}

test('every effect has its package', () => {
  expect(packages.map(({ id }) => id).sort()).toEqual([
    'clear-to-foggy',
    'clear-to-rainy',
    'clear-to-snowy',
    'day-to-night',
    'night-to-day',
    'rainy-to-clear',
  ]);
});

describe.each(packages.map(({ id }) => id))('%s', (id) => {
  const folder = join(root, 'models', id);

  test('is small, whole, and says where it comes from', async () => {
    const { manifest } = await loadModelPackage(folder);
    const sizes = await Promise.all(
      manifest.graphs.map(async ({ file, bytes, sha256 }) => {
        const content = await readFile(join(folder, file));
        expect(content.length).toBe(bytes);
        expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
        return content.length;
      }),
    );
    expect(manifest.graphs.map(({ precision }) => precision)).toEqual(['fp32', 'int8']);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(mostBytes);
    expect(manifest.licence).toMatch(/^CC-BY-NC/);
    expect(manifest.conditions.some(({ kind }) => kind === 'time')).toBe(weather.includes(id));
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['manifest.json', 'model.onnx', 'model.int8.onnx']));
  });

  test.each([
    [64, 48],
    [98, 74],
    [2, 2],
    [640, 360],
    // Looked at reduced, by 2 and by 4.
    [1282, 722],
    [1090, 2602],
  ])('strength 0 gives %i x %i back bit for bit', async (width, height) => {
    const frame = frameOf(1, width, height);
    const [same] = await translated(id, frame, { strength: 0 });
    // Millions of numbers, which `toEqual` takes a minute to go through.
    expect(Buffer.compare(same ?? new Uint8Array(), frame.pixels)).toBe(0);
  });

  test('what is no street comes out as a picture, and half the strength lies in between', async () => {
    const odd = [plain(160, 96, 0), plain(160, 96, 255), frameOf(3, 160, 96), screen(160, 96)];
    for (const frame of odd) {
      const [none = frame.pixels, half = frame.pixels, all = frame.pixels] = await translated(
        id,
        frame,
        { strength: 0 },
        { strength: 0.5 },
        { strength: 1 },
      );
      const [least, most] = [Math.min(mean(none), mean(all)), Math.max(mean(none), mean(all))];
      expect(mean(half)).toBeGreaterThanOrEqual(least - 12);
      expect(mean(half)).toBeLessThanOrEqual(most + 12);
    }
  });

  test.runIf(weather.includes(id))('what falls moves with time, and stands where time does', async () => {
    const frame = plain(320, 180, 60);
    const [first, same, later] = await translated(id, frame, { time: 1 }, { time: 1 }, { time: 1.04 });
    expect(same).toEqual(first);
    const moved = first?.filter((value, at) => Math.abs(value - (later?.[at] ?? 0)) > 8).length ?? 0;
    expect(moved).toBeGreaterThan(50);
  });
});

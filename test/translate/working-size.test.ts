import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { translateFile, type TranslateOptions } from '../../dist/index.js';
import {
  exactModel,
  ffmpegs,
  frameTimes,
  largestDifference,
  meanColours,
  MediaFolder,
  videoOf,
} from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';

const folder = new MediaFolder();
let clip: string;
let model: string;
beforeAll(() => {
  clip = makeSample(folder.file('clip.mp4'), '320x180');
  model = largeModel();
});
afterAll(() => {
  expect(folder.leftovers).toEqual([]);
  folder.remove();
});

/** A model as the large ones are: made for a short side of 90, at multiples of 8; it can't be given more. */
function largeModel(): string {
  const path = exactModel(folder);
  const file = join(path, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { input: Record<string, number> };
  Object.assign(manifest.input, { workingSize: 90, sizeMultiple: 8, maxWidth: 160, maxHeight: 96 });
  writeFileSync(file, JSON.stringify(manifest));
  return path;
}

async function noticesOf(input: string, output: string, options: TranslateOptions): Promise<string[]> {
  const notices: string[] = [];
  await translateFile(input, output, { device: 'cpu', ...options, onNotice: (notice) => notices.push(notice) });
  return notices;
}

describe('a model made for small pictures', () => {
  test.each(ffmpegs)('gets small ones, and the video keeps its size ($name ffmpeg)', async ({ name, path }) => {
    const output = folder.file(`kept-${name}.mp4`);
    const notices = await noticesOf(clip, output, { model, strength: 0, ffmpeg: path });
    expect(notices).toContain('The network works at 160x90; its result is scaled back to 320x180.');
    expect(videoOf(output)).toMatchObject({ width: 320, height: 180 });
    expect(frameTimes(output)).toEqual(frameTimes(clip));
    // The same picture in the same place, only less sharp.
    expect(largestDifference(meanColours(output), meanColours(clip))).toBeLessThan(6);
  });

  test('works at another size when told so, and no larger than the video', async () => {
    const smaller = await noticesOf(clip, folder.file('smaller.mp4'), { model, workingSize: 48 });
    expect(smaller).toContain('The network works at 86x48; its result is scaled back to 320x180.');
    const small = makeSample(folder.file('small.mp4'), '160x90');
    expect(await noticesOf(small, folder.file('small-out.mp4'), { model })).toEqual([]);
  });

  test('any other model does so only when told', async () => {
    const usual = exactModel(folder);
    expect(await noticesOf(clip, folder.file('usual.mp4'), { model: usual })).toEqual([]);
    const told = await noticesOf(clip, folder.file('told.mp4'), { model: usual, workingSize: 90 });
    expect(told.join()).toMatch(/works at 160x90/);
  });

  test.each(['side-by-side', 'split'] as const)('compares at the size of the video: %s', async (compare) => {
    const output = folder.file(`${compare}.mp4`);
    await noticesOf(clip, output, { model, strength: 0, compare });
    expect(videoOf(output)).toMatchObject({ width: compare === 'split' ? 320 : 640, height: 180 });
    expect(frameTimes(output)).toHaveLength(sampleFrames);
  });

  test('translates into another size than it works at', async () => {
    const output = folder.file('larger.mp4');
    await noticesOf(clip, output, { model, strength: 0, size: '640x360' });
    expect(videoOf(output)).toMatchObject({ width: 640, height: 360 });
  });

  test('does the same with a picture', async () => {
    const photo = folder.file('photo.png');
    await sharp({ create: { width: 321, height: 201, channels: 3, background: '#4080c0' } })
      .png()
      .toFile(photo);
    const output = folder.file('photo-out.png');
    const summary = await translateFile(photo, output, { model, strength: 0, device: 'cpu' });
    expect(summary.size).toBe('321x201');
    const { data, info } = await sharp(output).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 321, height: 201, channels: 3 });
    expect([...data.subarray(0, 3)]).toEqual([0x40, 0x80, 0xc0]);
  });

  test('refuses a size that can not be', async () => {
    await expect(translateFile(clip, folder.file('no.mp4'), { model, workingSize: 3 })).rejects.toThrow(
      /^options\.workingSize/,
    );
  });
});

test('guidance and seed are for models that take them', async () => {
  const given = (options: TranslateOptions) => translateFile(clip, folder.file('no.mp4'), { model, ...options });
  await expect(given({ guidance: 0.4 })).rejects.toThrow('Model invert takes no guidance.');
  await expect(given({ seed: 7 })).rejects.toThrow('Model invert takes no seed.');
});

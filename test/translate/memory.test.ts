import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { translateFile } from '../../dist/index.js';
import { ffmpeg, MediaFolder } from '../support/media.js';
import { fixture } from '../support/models.js';

// Each session of the model draws the mean of all pictures that it has seen.
const remembering = { model: fixture('running-mean'), device: 'cpu', overwrite: true } as const;
const greys = [40, 200, 60, 100, 20, 150];
const folder = new MediaFolder();

beforeAll(() => {
  mkdirSync(folder.file('in'));
  for (const [index, grey] of greys.entries()) {
    const hex = grey.toString(16).padStart(2, '0').repeat(3);
    const picture = ['-f', 'lavfi', '-i', `color=0x${hex}:s=64x48,format=rgb24`, '-frames:v', '1'];
    ffmpeg(...picture, folder.file(join('in', `${index + 1}.png`)));
  }
});
afterAll(() => folder.remove());

/** The only grey of a picture. */
function greyOf(path: string): number {
  const [grey = NaN, ...others] = new Set(ffmpeg('-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'));
  expect(others).toEqual([]);
  return grey;
}

async function translateSequence(sessions: number): Promise<number[]> {
  const output = join(folder.file('out'), '%d.png');
  mkdirSync(folder.file('out'), { recursive: true });
  await translateFile(join(folder.file('in'), '%d.png'), output, { ...remembering, sessions });
  return greys.map((_, index) => greyOf(output.replace('%d', String(index + 1))));
}

test('a video is one sequence, which begins with nothing remembered', async () => {
  expect(await translateSequence(1)).toEqual([40, 120, 100, 100, 84, 95]);
});

test('with two sessions each remembers every other frame, and a video is the same each time', async () => {
  const everyOther = [40, 200, 50, 150, 40, 150];
  expect(await translateSequence(2)).toEqual(everyOther);
  expect(await translateSequence(2)).toEqual(everyOther);
});

test('a part from the middle begins with nothing remembered, and is the same each time', async () => {
  const clip = folder.file('clip.mkv');
  const lossless = ['-c:v', 'ffv1', '-pix_fmt', 'bgr0'];
  ffmpeg('-framerate', '10', '-i', join(folder.file('in'), '%d.png'), ...lossless, clip);
  const output = join(folder.file('part'), '%d.png');
  mkdirSync(folder.file('part'));
  await translateFile(clip, output, { ...remembering, sessions: 1, start: 0.3, duration: 0.2 });
  expect([1, 2].map((number) => greyOf(output.replace('%d', String(number))))).toEqual([100, 60]);
});

test('a still picture remembers no other', async () => {
  for (const source of [folder.file(join('in', '1.png')), folder.file(join('in', '2.png'))]) {
    await translateFile(source, folder.file('translated.png'), remembering);
    expect(greyOf(folder.file('translated.png'))).toBe(greyOf(source));
  }
});

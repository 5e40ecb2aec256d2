import { readFileSync } from 'node:fs';

import { afterAll, expect, test } from 'vitest';

import { FfmpegProcess } from '../../dist/video/ffmpeg/process.js';
import { LiveOutput, type LiveOutputOptions } from '../../dist/video/live/live-output.js';
import { nalUnits } from '../../dist/video/live/codec-string.js';
import { OutputRun } from '../../dist/video/live/output-run.js';
import { ffmpeg, ffmpegs, frameTimes, MediaFolder, realClip, sharedData, videoOf } from '../support/media.js';
import { until } from './support.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
afterAll(() => folder.remove());

interface Unit {
  readonly data: Uint8Array;
  readonly key: boolean;
  readonly width: number;
  readonly height: number;
}

/** Three seconds of access units of a size, as the live encoder makes them: a key every second. */
function unitsOf(width: number, height: number): Unit[] {
  const parameters = ['-x264-params', 'repeat-headers=1:aud=1:sliced-threads=0:keyint=25'];
  const encoder = ['-c:v', 'libx264', '-profile:v', 'baseline', '-tune', 'zerolatency', ...parameters];
  const scale = ['-vf', `scale=${width}:${height},fps=25`];
  const stream = ffmpeg('-i', drive, '-t', '3', '-an', ...scale, ...encoder, '-f', 'h264', '-');
  const delimiter = Buffer.from([0, 0, 0, 1, 9]);
  const starts: number[] = [];
  for (let at = stream.indexOf(delimiter); at >= 0; at = stream.indexOf(delimiter, at + 1)) {
    starts.push(at);
  }
  return starts.map((start, index) => {
    const data = stream.subarray(start, starts[index + 1]);
    return { data, key: nalUnits(data).some((unit) => ((unit[0] ?? 0) & 31) === 7), width, height };
  });
}

/** Writes units one after the other, and says what was said meanwhile. */
async function write(output: string, units: readonly Unit[], pause: () => Promise<void>): Promise<string[]> {
  const notices: string[] = [];
  const [program = ''] = ffmpegs.map(({ path }) => path);
  const options: LiveOutputOptions = { output, program, overwrite: false, onNotice: (notice) => notices.push(notice) };
  await using live = await LiveOutput.prepare(options);
  for (const [index, unit] of units.entries()) {
    live.write({ ...unit, timestampMicroseconds: index * 40_000 });
    await pause();
  }
  return notices;
}

const asTheyCome = () => new Promise<void>((resolve) => setTimeout(resolve, 20));

test('a picture of another size: a file is finished, a playlist goes on', async () => {
  const units = [...unitsOf(320, 176), ...unitsOf(480, 272), ...unitsOf(480, 272)];
  const file = folder.file('sizes.mp4');
  const playlist = folder.file('sizes.m3u8');
  const [ofFile, ofPlaylist] = await Promise.all([file, playlist].map((path) => write(path, units, asTheyCome)));
  expect(ofFile).toEqual([`"${file}" is finished: the size of the picture has changed.`]);
  expect(videoOf(file)).toMatchObject({ width: 320, height: 176 });
  expect(frameTimes(file).length).toBe(75);

  expect(ofPlaylist).toEqual([`"${playlist}" is opened anew: the size of the picture has changed.`]);
  const text = readFileSync(playlist, 'utf8');
  expect(text).toContain('#EXT-X-DISCONTINUITY');
  const segments = text.match(/^sizes\d+\.ts$/gm) ?? [];
  expect(segments).toEqual([...new Set(segments)]);
  expect(videoOf(folder.file(segments[0] ?? ''))).toMatchObject({ width: 320 });
  expect(videoOf(folder.file(segments.at(-1) ?? ''))).toMatchObject({ width: 480 });
});

test('every picture that is handed over is given back, whatever becomes of it', async () => {
  const units = unitsOf(320, 176);
  const [program = ''] = ffmpegs.map(({ path }) => path);
  let given = 0;
  const writeTo = async (output: string) => {
    await using live = await LiveOutput.prepare({ output, program, overwrite: false, onNotice: () => undefined });
    for (const [index, unit] of units.entries()) {
      live.write({ ...unit, timestampMicroseconds: index * 40_000 }, () => (given += 1));
      await asTheyCome();
    }
    await live.close();
  };
  await Promise.all([folder.file('back.ts'), 'rtmp://127.0.0.1:1/nobody', '/dev/video99'].map(writeTo));
  await until('all of them back', () => given === 3 * units.length);
});

test.each([
  ['that ffmpeg failed', ['-i', 'nowhere.mp4'], /nowhere/],
  ['what could not be removed', ['-version'], /busy/],
])('an output that can not be tidied up after it ended says %s', async (_, args, why) => {
  const [unit] = unitsOf(320, 176);
  const [program = ''] = ffmpegs.map(({ path }) => path);
  if (unit === undefined) {
    throw new Error('the clip has no pictures');
  }
  const target = {
    ...{ url: 'live.mp4', path: 'live.mp4', commit: () => Promise.resolve() },
    discard: () => Promise.reject(new Error('live.mp4 is busy')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const first = { ...unit, timestampMicroseconds: 0 };
  const run = new OutputRun(new FfmpegProcess(program, args), target, first, 'h264', 'live.mp4');
  expect((await run.ended)?.message).toMatch(why);
});

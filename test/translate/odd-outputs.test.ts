import { execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { InputError, translateFile } from '../../dist/index.js';
import { exactModel, ffmpeg, ffmpegs, frameTimes, MediaFolder, probeFile, videoOf } from '../support/media.js';
import { makeSample, movingPicture, quickVideo, sampleFrames } from '../support/media-samples.js';

const folder = new MediaFolder();
const model = exactModel(folder);
const unchanged = { model, strength: 0, device: 'cpu', overwrite: true } as const;
let clip: string;
beforeAll(() => {
  clip = makeSample(folder.file('clip.mp4'));
});
afterAll(() => folder.remove());

async function noticesOf(input: string, output: string, options: object = {}): Promise<string[]> {
  const notices: string[] = [];
  await translateFile(input, output, { ...unchanged, ...options, onNotice: (notice) => notices.push(notice) });
  return notices;
}

test.runIf(process.platform !== 'win32')('a named pipe is written into and stays one', async () => {
  const pipe = folder.file('pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = spawn('cat', [pipe]);
  const read: Buffer[] = [];
  reader.stdout.on('data', (chunk: Buffer) => read.push(chunk));
  const ended = new Promise((resolve) => reader.on('close', resolve));
  await translateFile(clip, pipe, { ...unchanged, format: 'matroska' });
  await ended;
  expect(statSync(pipe).isFIFO()).toBe(true);
  const copy = folder.file('from-pipe.mkv');
  writeFileSync(copy, Buffer.concat(read));
  expect(frameTimes(copy)).toHaveLength(sampleFrames);
});

test.runIf(process.platform !== 'win32')('a symbolic link stays one, and its file is replaced', async () => {
  const target = folder.file('target.mp4');
  writeFileSync(target, 'old');
  const link = folder.file('link.mp4');
  symlinkSync(target, link);
  await translateFile(clip, link, unchanged);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(frameTimes(target)).toHaveLength(sampleFrames);
});

test('"file:" is a path like any other: a temporary name, and no overwriting', async () => {
  const output = folder.file('by-url.mp4');
  await translateFile(`file:${clip}`, `file:${output}`, { ...unchanged, overwrite: false });
  expect(frameTimes(output)).toHaveLength(sampleFrames);
  await expect(translateFile(clip, `file:${output}`, { ...unchanged, overwrite: false })).rejects.toMatchObject({
    code: 'output-exists',
  });
});

test('a file with a percent sign in its name is that file', async () => {
  const output = folder.file('50%d done.mp4');
  await translateFile(clip, folder.file('100%done.mp4'), unchanged);
  writeFileSync(output, readFileSync(folder.file('100%done.mp4')));
  await translateFile(output, folder.file('again.mp4'), unchanged);
  expect(frameTimes(folder.file('again.mp4'))).toHaveLength(sampleFrames);
});

test('a sequence may begin at any number, and must have no gap', async () => {
  const pictures = folder.file('late-sequence');
  mkdirSync(pictures);
  const pattern = join(pictures, '%05d.png');
  ffmpeg('-i', clip, '-frames:v', '6', '-start_number', '1000', pattern);
  await translateFile(pattern, folder.file('from-sequence.mp4'), unchanged);
  expect(frameTimes(folder.file('from-sequence.mp4'))).toHaveLength(6);
  rmSync(join(pictures, '01003.png'));
  const refused = translateFile(pattern, folder.file('gap.mp4'), unchanged);
  await expect(refused).rejects.toBeInstanceOf(InputError);
  await expect(refused).rejects.toThrow('picture 1003 is missing');
});

test('overwriting a sequence with a shorter one leaves nothing of the old', async () => {
  const pattern = join(folder.file('again'), '%03d.png');
  await translateFile(clip, pattern, unchanged);
  await translateFile(clip, pattern, { ...unchanged, duration: 0.2 });
  expect(readdirSync(folder.file('again'))).toEqual(['001.png', '002.png', '003.png', '004.png', '005.png']);
});

test.each(ffmpegs)('colours tagged as in PAL and old NTSC films, $name ffmpeg', async ({ name, path }) => {
  for (const [transfer, option] of [
    ['bt470bg', 'gamma28'],
    ['bt470m', 'gamma22'],
  ] as const) {
    const input = folder.file(`${transfer}.mkv`);
    const tags = ['-colorspace', 'bt470bg', '-color_primaries', 'bt470bg', '-color_trc', option, '-color_range', 'tv'];
    ffmpeg(...movingPicture('160x90', 25, 0.4), ...quickVideo, ...tags, input);
    const output = folder.file(`${name}-${transfer}.mp4`);
    await translateFile(input, output, { ...unchanged, ffmpeg: path });
    expect(videoOf(output)).toMatchObject({ color_space: 'bt470bg', color_transfer: transfer });
  }
});

test.each(ffmpegs)('Opus goes into MP4 as it is and into MOV as AAC, $name ffmpeg', async ({ name, path }) => {
  const input = folder.file('opus.mkv');
  ffmpeg('-i', clip, '-c:v', 'copy', '-c:a', 'libopus', input);
  const mp4 = folder.file(`${name}-opus.mp4`);
  await noticesOf(input, mp4, { ffmpeg: path });
  expect(probeFile(mp4).streams.map((stream) => stream.codec_name)).toEqual(['h264', 'opus']);
  const mov = folder.file(`${name}-opus.mov`);
  expect(await noticesOf(input, mov, { ffmpeg: path })).toContainEqual(expect.stringContaining('re-encoded to aac'));
  expect(probeFile(mov).streams.map((stream) => stream.codec_name)).toEqual(['h264', 'aac']);
});

test('FLV takes one sound, and the others are said to be left out', async () => {
  const input = folder.file('two-sounds.mkv');
  ffmpeg('-i', clip, '-map', '0:v', '-map', '0:a', '-map', '0:a', '-c', 'copy', input);
  const output = folder.file('one-sound.flv');
  expect(await noticesOf(input, output)).toContainEqual(expect.stringMatching(/sound .* is left out/));
  expect(probeFile(output).streams.filter((stream) => stream.codec_type === 'audio')).toHaveLength(1);
});

test('sound that Matroska has no name for is kept, without loss', async () => {
  const input = folder.file('big-endian.mov');
  ffmpeg('-i', clip, '-c:v', 'copy', '-c:a', 'pcm_f32be', input);
  const output = folder.file('big-endian.mkv');
  expect(await noticesOf(input, output)).toContainEqual(expect.stringContaining('re-encoded to flac'));
  expect(probeFile(output).streams.map((stream) => stream.codec_name)).toEqual(['h264', 'flac']);
});

test.each(ffmpegs)('the default preset lies between superfast and veryfast, $name ffmpeg', async ({ name, path }) => {
  const drive = join(import.meta.dirname, '../media/street-drive.mp4');
  const encode = async (preset: string | undefined) => {
    const output = folder.file(`${name}-${preset ?? 'default'}.mp4`);
    await noticesOf(drive, output, { duration: 2, preset, ffmpeg: path });
    // x264 writes into its first picture what it was told
    const told = /x264 - core .* options: .*crf=[\d.]+/.exec(readFileSync(output, 'latin1'))?.[0];
    return { bytes: statSync(output).size, told };
  };
  const [byDefault, superfast, veryfast] = [
    await encode(undefined),
    await encode('superfast'),
    await encode('veryfast'),
  ];
  expect(byDefault.told).toMatch(/ subme=1 .* rc_lookahead=10 .* mbtree=1 .*crf=18/);
  expect(superfast.told).toMatch(/ subme=1 .* mbtree=0 .*crf=18/);
  expect(veryfast.told).toMatch(/ subme=2 .* rc_lookahead=10 .* mbtree=1 .*crf=18/);
  expect(byDefault.bytes).toBeLessThan(1.16 * veryfast.bytes);
  expect(byDefault.bytes).toBeLessThan(0.95 * superfast.bytes);
});

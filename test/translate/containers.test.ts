import { readdirSync, readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { translateFile, type TranslateOptions } from '../../dist/index.js';
import {
  exactModel,
  ffmpeg,
  ffmpegs,
  frameTimes,
  largestDifference,
  meanColours,
  MediaFolder,
  packetsMd5,
  probeFile,
  videoOf,
} from '../support/media.js';
import {
  fontBytes,
  makeRichMatroska,
  makeRichMp4,
  makeSample,
  movingPicture,
  sampleFrames,
} from '../support/media-samples.js';

const folder = new MediaFolder();
const model = exactModel(folder);
let matroska: string;
let mp4: string;
beforeAll(() => {
  matroska = makeRichMatroska(folder);
  mp4 = makeRichMp4(folder);
});
afterAll(() => {
  expect(folder.leftovers).toEqual([]);
  folder.remove();
});

/** Translates without changing the picture; gives back what the user was told. */
async function keep(input: string, output: string, options: TranslateOptions = {}): Promise<string[]> {
  const notices: string[] = [];
  const summary = await translateFile(input, output, {
    ...{ model, strength: 0, device: 'cpu' },
    onNotice: (notice) => notices.push(notice),
    ...options,
  });
  expect(summary.framesOut).toBe(summary.framesIn);
  return notices.sort();
}

/** Kind, codec and language of each stream but the picture and chapters' own. */
function sideStreams(path: string): string[] {
  return probeFile(path)
    .streams.filter((stream) => stream.codec_name !== 'bin_data')
    .slice(1)
    .map(({ codec_type, codec_name, tags }) => [codec_type, codec_name, tags?.language].filter(Boolean).join(' '));
}

function chaptersOf(path: string): string[] {
  return probeFile(path).chapters.map(({ start_time, tags }) => `${Number(start_time)} ${tags?.title ?? ''}`);
}

/** MD5 of AAC packets, whether each has its header (in a transport stream) or the file one for all (in MP4). */
function bareAacMd5(path: string): string {
  const copied = folder.file('aac.mkv');
  ffmpeg('-i', path, '-map', '0:a:0', '-c', 'copy', '-bsf:a', 'aac_adtstoasc', copied);
  return packetsMd5(copied);
}

function fontOf(path: string): Buffer {
  const file = folder.file('font.out');
  ffmpeg('-dump_attachment:t:0', file, '-i', path, '-t', '0', '-f', 'null', '-');
  return readFileSync(file);
}

const twoChapters = ['0 First half', '0.4 Second half'];
const fontLeftOut = (muxer: string) =>
  expect.stringMatching(new RegExp(`^The attachment \\(.*\\) is left out: ${muxer} can't hold it\\.$`)) as string;

describe.each(ffmpegs)('a Matroska file with everything, $name ffmpeg', ({ name, path: ffmpegPath }) => {
  const translated = (to: string) => keep(matroska, folder.file(`${name}-out.${to}`), { ffmpeg: ffmpegPath });
  const out = (to: string) => folder.file(`${name}-out.${to}`);

  test('to Matroska: all of it, bit for bit', async () => {
    expect(await translated('mkv')).toEqual([]);
    expect(sideStreams(out('mkv'))).toEqual([
      'audio aac eng',
      'audio ac3 ger',
      'subtitle subrip eng',
      'subtitle ass ger',
      'attachment ttf',
    ]);
    for (const stream of ['0:a:0', '0:a:1', '0:s:0', '0:s:1']) {
      expect(packetsMd5(out('mkv'), stream)).toBe(packetsMd5(matroska, stream));
    }
    expect(fontOf(out('mkv')).equals(fontBytes)).toBe(true);
    expect(chaptersOf(out('mkv'))).toEqual(twoChapters);
    expect(probeFile(out('mkv')).format.tags).toMatchObject({ title: 'A drive' });
    expect(videoOf(out('mkv')).tags).toMatchObject({ title: 'The windscreen' });
  });

  test.each(['mp4', 'mov'])('to %s: subtitles in its own form, the font left out, both said', async (to) => {
    expect(await translated(to)).toEqual([
      fontLeftOut(to),
      `The subtitle track (ass, ger) is re-encoded to mov_text: ${to} can't hold it as it is.`,
      `The subtitle track (subrip, eng) is re-encoded to mov_text: ${to} can't hold it as it is.`,
    ]);
    expect(sideStreams(out(to))).toEqual([
      'audio aac eng',
      'audio ac3 ger',
      'subtitle mov_text eng',
      'subtitle mov_text ger',
    ]);
    for (const stream of ['0:a:0', '0:a:1']) {
      expect(packetsMd5(out(to), stream)).toBe(packetsMd5(matroska, stream));
    }
    expect(chaptersOf(out(to))).toEqual(twoChapters);
    expect(probeFile(out(to)).format.tags).toMatchObject({ title: 'A drive' });
    expect(String(ffmpeg('-i', out(to), '-map', '0:s:0', '-f', 'srt', '-'))).toContain('A green light');
    expect(String(ffmpeg('-i', out(to), '-map', '0:s:1', '-f', 'srt', '-'))).toContain('grüne');
  });

  test('to WebM: sound as Opus, subtitles as WebVTT, all said', async () => {
    const notices = await translated('webm');
    expect(notices).toHaveLength(5);
    expect(notices.filter((notice) => notice.includes('re-encoded to libopus'))).toHaveLength(2);
    expect(notices.filter((notice) => notice.includes('re-encoded to webvtt'))).toHaveLength(2);
    expect(notices).toContainEqual(fontLeftOut('webm'));
    expect(videoOf(out('webm')).codec_name).toBe('vp9');
    expect(sideStreams(out('webm'))).toEqual([
      'audio opus eng',
      'audio opus ger',
      'subtitle webvtt eng',
      'subtitle webvtt ger',
    ]);
    expect(frameTimes(out('webm'))).toHaveLength(sampleFrames);
    expect(chaptersOf(out('webm'))).toEqual(twoChapters);
    expect(probeFile(out('webm')).format.tags).toMatchObject({ title: 'A drive' });
  });

  test('to a transport stream: the sound as it is', async () => {
    const notices = await translated('ts');
    expect(notices.filter((notice) => notice.includes('left out: mpegts'))).toHaveLength(3);
    expect(notices).toHaveLength(3);
    expect(sideStreams(out('ts'))).toEqual(['audio aac eng', 'audio ac3 ger']);
    expect(bareAacMd5(out('ts'))).toBe(bareAacMd5(matroska));
    expect(packetsMd5(out('ts'), '0:a:1')).toBe(packetsMd5(matroska, '0:a:1'));
    const times = frameTimes(out('ts'));
    expect(times.map((time) => Math.round((time - (times[0] ?? NaN)) * 25))).toEqual([...Array(25).keys()]);
  });

  test('to GIF: the picture in motion, and what it lost is said', async () => {
    const notices = await translated('gif');
    expect(notices).toHaveLength(5);
    expect(notices.every((notice) => notice.endsWith("is left out: gif can't hold it."))).toBe(true);
    expect(frameTimes(out('gif'))).toHaveLength(sampleFrames);
    const before = meanColours(matroska, { assumed: 'bt601' });
    // A GIF has 256 colours.
    expect(largestDifference(meanColours(out('gif')), before)).toBeLessThan(8);
  });

  test('to HLS: a playlist beside its segments', async () => {
    const playlist = folder.file(`${name}-hls/out.m3u8`);
    await keep(matroska, playlist, { ffmpeg: ffmpegPath });
    const files = readdirSync(folder.file(`${name}-hls`)).sort();
    expect(files).toEqual(['out.m3u8', 'out0.ts']);
    expect(readFileSync(playlist, 'utf8')).toMatch(/#EXT-X-ENDLIST\s*$/);
    expect(frameTimes(playlist)).toHaveLength(sampleFrames);
    await expect(keep(matroska, playlist, { ffmpeg: ffmpegPath })).rejects.toMatchObject({ code: 'output-exists' });
  });

  test('to pictures, one a frame, and from them to a video again', async () => {
    const pictures = folder.file(`${name}-frames/%05d.png`);
    expect(await keep(matroska, pictures, { ffmpeg: ffmpegPath })).toHaveLength(5);
    const files = readdirSync(folder.file(`${name}-frames`)).sort();
    expect(files).toHaveLength(sampleFrames);
    expect(files[0]).toBe('00001.png');
    const before = meanColours(matroska, { assumed: 'bt601' });
    expect(largestDifference(meanColours(pictures), before)).toBeLessThan(0.6);
    await expect(keep(matroska, pictures, { ffmpeg: ffmpegPath })).rejects.toMatchObject({ code: 'output-exists' });

    const video = folder.file(`${name}-from-frames.mp4`);
    expect(await keep(pictures, video, { ffmpeg: ffmpegPath, frameRate: 50 })).toEqual([]);
    const times = frameTimes(video);
    expect(times.map((time) => Math.round(time * 50))).toEqual([...Array(25).keys()]);
    expect(videoOf(video).r_frame_rate).toBe('50/1');
    expect(largestDifference(meanColours(video), before)).toBeLessThan(2.5);
  });
});

describe.each(ffmpegs)('an MP4 with everything, $name ffmpeg', ({ name, path: ffmpegPath }) => {
  test('to MP4: subtitles and sound bit for bit, cover, chapters and tags kept', async () => {
    const out = folder.file(`${name}-mp4.mp4`);
    expect(await keep(mp4, out, { ffmpeg: ffmpegPath })).toEqual([]);
    const before = sideStreams(mp4);
    expect(before.sort()).toEqual(['audio aac eng', 'subtitle mov_text eng', 'video png']);
    expect(sideStreams(out).sort()).toEqual(before);
    expect(packetsMd5(out)).toBe(packetsMd5(mp4));
    expect(packetsMd5(out, '0:s')).toBe(packetsMd5(mp4, '0:s'));
    expect(packetsMd5(out, '0:v:1')).toBe(packetsMd5(mp4, '0:v:1'));
    expect(probeFile(out).streams.find((stream) => stream.codec_name === 'png')?.disposition.attached_pic).toBe(1);
    expect(chaptersOf(out)).toEqual(twoChapters);
    expect(probeFile(out).format.tags).toMatchObject({ title: 'A drive' });
    expect(frameTimes(out)).toHaveLength(sampleFrames);
  });

  test('to Matroska: subtitles as SubRip, and that is said', async () => {
    const out = folder.file(`${name}-mp4.mkv`);
    const notices = await keep(mp4, out, { ffmpeg: ffmpegPath });
    expect(notices).toContain("The cover picture (png) is left out: matroska can't hold it.");
    expect(notices).toContainEqual(expect.stringMatching(/^The subtitle track \(mov_text, eng\) .* re-encoded to srt/));
    expect(notices).toHaveLength(2);
    expect(sideStreams(out)).toEqual(['audio aac eng', 'subtitle subrip eng']);
    expect(packetsMd5(out)).toBe(packetsMd5(mp4));
    expect(chaptersOf(out)).toEqual(twoChapters);
  });
});

describe.each(ffmpegs)('a part of a video, $name ffmpeg', ({ name, path: ffmpegPath }) => {
  test('picture and sound begin and end together', async () => {
    const long = folder.file('long.mp4');
    const sound = ['-f', 'lavfi', '-i', 'sine=duration=4'];
    ffmpeg(...movingPicture('160x90', 25, 4), ...sound, '-g', '50', '-pix_fmt', 'yuv420p', '-c:a', 'aac', long);
    const out = folder.file(`${name}-part.mp4`);
    await keep(long, out, { ffmpeg: ffmpegPath, start: '0:01.2', duration: 1 });
    expect(frameTimes(out)).toHaveLength(25);
    const before = meanColours(long).slice(30, 55);
    expect(largestDifference(meanColours(out), before)).toBeLessThan(2.5);
    const streams = probeFile(out).streams;
    for (const stream of streams) {
      expect(Math.abs(Number(stream.start_time))).toBeLessThan(0.05);
      expect(Number(stream.duration)).toBeGreaterThan(0.95);
      expect(Number(stream.duration)).toBeLessThan(1.07);
    }
  });
});

describe.each(ffmpegs)('compared with its input, $name ffmpeg', ({ name, path: ffmpegPath }) => {
  const compared = async (compare: 'side-by-side' | 'split') => {
    const input = makeSample(folder.file('compare.mp4'), '160x90');
    const out = folder.file(`${name}-${compare}.mkv`);
    // At full strength, so that the right half is a negative.
    await keep(input, out, { ffmpeg: ffmpegPath, compare, strength: 1 });
    expect(packetsMd5(out)).toBe(packetsMd5(input));
    expect(frameTimes(out)).toHaveLength(sampleFrames);
    return { input, out };
  };
  const negative = (colours: number[][]) => colours.map((frame) => frame.map((value) => 255 - value));

  test('side by side: the input left, the translation right', async () => {
    const { input, out } = await compared('side-by-side');
    expect(videoOf(out)).toMatchObject({ width: 320, height: 90 });
    const whole = meanColours(input);
    expect(largestDifference(meanColours(out, { crop: '160:90:0:0' }), whole)).toBeLessThan(2.5);
    expect(largestDifference(meanColours(out, { crop: '160:90:160:0' }), negative(whole))).toBeLessThan(3);
  });

  test('split: the left half of the input, the right half of the translation', async () => {
    const { input, out } = await compared('split');
    expect(videoOf(out)).toMatchObject({ width: 160, height: 90 });
    const left = '76:90:0:0';
    const right = '76:90:84:0';
    expect(largestDifference(meanColours(out, { crop: left }), meanColours(input, { crop: left }))).toBeLessThan(3);
    expect(
      largestDifference(meanColours(out, { crop: right }), negative(meanColours(input, { crop: right }))),
    ).toBeLessThan(3);
  });
});

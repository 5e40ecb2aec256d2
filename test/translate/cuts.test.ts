import { existsSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { translateFile, UsageError } from '../../dist/index.js';
import { exactModel, ffmpeg, ffmpegs, frameTimes, MediaFolder, runTool } from '../support/media.js';
import { movingPicture, quickVideo } from '../support/media-samples.js';

const folder = new MediaFolder();
const model = exactModel(folder);
const unchanged = { model, strength: 0, device: 'cpu' } as const;
let clip: string;

beforeAll(() => {
  clip = folder.file('long-gop.mkv');
  const subtitles = folder.file('cut.srt');
  writeFileSync(subtitles, '1\n00:00:03,000 --> 00:00:03,500\nin the part\n');
  // One key frame at the very start: whatever is copied by key frames would begin there.
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=6', '-i', subtitles];
  ffmpeg(...movingPicture('160x90', 25, 6), ...sound, ...quickVideo, '-g', '500', '-c:a', 'aac', '-c:s', 'srt', clip);
});
afterAll(() => folder.remove());

/** Seconds of the first packet of a stream. */
function firstPacket(path: string, stream: string): number {
  const options = [
    '-v',
    'error',
    '-select_streams',
    stream,
    '-show_entries',
    'packet=pts_time',
    '-of',
    'csv=p=0',
    path,
  ];
  return Math.min(
    ...String(runTool('ffprobe', options))
      .trim()
      .split('\n')
      .map(Number)
      .filter((seconds) => !Number.isNaN(seconds)),
  );
}

/** Seconds of the first line of the subtitles. */
function firstLine(path: string): number {
  const srt = String(ffmpeg('-i', path, '-map', '0:s', '-f', 'srt', '-'));
  const [, minutes = '', seconds = '', fraction = ''] = /00:(\d+):(\d+),(\d+) -->/.exec(srt) ?? [];
  return Number(minutes) * 60 + Number(seconds) + Number(fraction) / 1000;
}

describe.each(ffmpegs)('a part from the middle, $name ffmpeg', ({ name, path }) => {
  test.each(['mkv', 'mp4', 'webm'])('to %s: picture, sound and subtitles begin together', async (extension) => {
    const output = folder.file(`${name}-cut.${extension}`);
    await translateFile(clip, output, { ...unchanged, start: 2.5, duration: '0:02', ffmpeg: path });

    const times = frameTimes(output);
    expect(times).toHaveLength(50);
    const begin = Math.min(firstPacket(output, 'v:0'), firstPacket(output, 'a:0'));
    // Within a frame of each other, and none from before the start.
    expect(Math.abs((times[0] ?? NaN) - firstPacket(output, 'a:0'))).toBeLessThan(0.05);
    expect(begin).toBeGreaterThan(-0.05);
    // The line shown at 3.0 is shown half a second into the part.
    expect(firstLine(output) - (times[0] ?? NaN)).toBeCloseTo(0.5, 1);
  });
});

test.each([{ duration: 0 }, { duration: '0' }, { duration: -1 }, { start: -1 }, { start: 'noon' }])(
  '%o is refused, and nothing is written',
  async (range) => {
    const output = folder.file('never.mp4');
    await expect(translateFile(clip, output, { ...unchanged, ...range })).rejects.toBeInstanceOf(UsageError);
    expect(existsSync(output)).toBe(false);
  },
);

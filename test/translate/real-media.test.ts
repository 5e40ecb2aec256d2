import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { translateFile, type TranslateSummary } from '../../dist/index.js';
import {
  exactModel,
  ffmpegs,
  frameTimes,
  largestDifference,
  meanColours,
  MediaFolder,
  packetsMd5,
  probeFile,
  readFrames,
  realClip,
  rotationOf,
  sharedData,
  videoOf,
} from '../support/media.js';

interface Clip {
  readonly file: string;
  /** Extension of the output. */
  readonly to: string;
  /** What is special about it. */
  readonly what: string;
  /** Size it is translated at, to save time on the largest. */
  readonly size?: string;
  /** Size of the output, WIDTHxHEIGHT. */
  readonly written: string;
  /** Matrix that players assume; of the output too. */
  readonly assumed?: 'bt601' | 'bt709';
  /** Part of the input that is kept. */
  readonly crop?: string;
  /** Colour matrix of the output. */
  readonly matrix: string;
  /** What becomes of the sound. */
  readonly sound: 'copied' | 'none' | { readonly notice: RegExp; readonly codec: string };
  /** What the user has to be told beside that; nothing else may be said. */
  readonly notices?: readonly RegExp[];
  readonly hdr?: true;
  /** Not tried with the bundled ffmpeg: nothing that others don't show already. */
  readonly systemOnly?: true;
  /** Frames that are compared by colour. */
  readonly coloursOf?: number;
}

const clips: readonly Clip[] = [
  {
    file: 'highway-day-960x540-aac.mp4',
    to: 'mp4',
    what: 'the sound before the picture',
    written: '960x540',
    matrix: 'smpte170m',
    sound: 'copied',
    coloursOf: 25,
  },
  {
    file: 'phone-vfr-rot180.mp4',
    to: 'mp4',
    what: 'slow and uneven, upside down',
    written: '1280x720',
    assumed: 'bt709',
    matrix: 'bt709',
    sound: 'copied',
  },
  {
    file: 'screen-extreme-vfr-3026x1386.mp4',
    to: 'mkv',
    what: 'gaps of 5 to 1570 ms',
    size: '360p',
    written: '786x360',
    matrix: 'bt709',
    sound: 'none',
    coloursOf: 25,
  },
  {
    file: 'facade-4k60-rot90.mp4',
    systemOnly: true,
    to: 'mov',
    what: '4K, lying on its side, full range, 60 fps',
    size: '540p',
    written: '540x960',
    matrix: 'bt470bg',
    sound: 'copied',
    coloursOf: 3,
  },
  {
    file: 'odd-161x121-vp9.webm',
    to: 'webm',
    what: 'an odd size, kept',
    written: '161x121',
    matrix: 'smpte170m',
    sound: 'none',
  },
  {
    file: 'odd-161x121-vp9.webm',
    to: 'mp4',
    what: 'an odd size, which the encoder has not',
    written: '160x120',
    crop: '160:120:0:0',
    matrix: 'smpte170m',
    sound: 'none',
    notices: [/odd: it is cropped to 160x120/],
  },
  {
    file: 'landscape-vp9-10bit.webm',
    systemOnly: true,
    to: 'mp4',
    what: '10 bits, hidden frames',
    written: '426x240',
    matrix: 'bt2020nc',
    sound: 'none',
  },
  {
    file: 'street-60fps-fullrange.mp4',
    to: 'mp4',
    what: 'full range, 60 fps',
    written: '320x240',
    matrix: 'smpte170m',
    sound: 'copied',
  },
  {
    file: 'road-overhead-msmpeg4v2-mp3.avi',
    to: 'mkv',
    what: 'AVI with MP3',
    written: '640x360',
    matrix: 'smpte170m',
    sound: 'copied',
    coloursOf: 25,
  },
  {
    file: 'field-mp3-short-audio.mp4',
    systemOnly: true,
    to: 'mp4',
    what: 'MP3 in MP4',
    written: '640x360',
    matrix: 'smpte170m',
    sound: 'copied',
    coloursOf: 25,
  },
  {
    file: 'tree-cinepak.avi',
    to: 'mp4',
    what: 'RGB, dropped frames',
    written: '320x240',
    matrix: 'smpte170m',
    sound: 'none',
  },
  {
    file: 'nc/from-car-mjpeg422-pcm.avi',
    to: 'mp4',
    what: '4:2:2, full range, PCM',
    written: '640x480',
    matrix: 'bt470bg',
    sound: { notice: /^The sound \(pcm_s16le\) is re-encoded to aac: mp4 can't hold it as it is\.$/, codec: 'aac' },
  },
  {
    file: 'nc/interlaced-1080i50-ac3.mts',
    to: 'mkv',
    what: 'interlaced, does not begin at 0',
    size: '540p',
    written: '960x540',
    assumed: 'bt709',
    matrix: 'bt709',
    sound: 'copied',
    notices: [/interlaced: it is deinterlaced/],
  },
  {
    file: 'city-hevc10-hlg-rot90-editlist.mp4',
    to: 'mp4',
    what: 'HDR (HLG), on its side, an edit list',
    size: '360p',
    written: '360x640',
    matrix: 'bt709',
    sound: 'copied',
    notices: [
      /^The input is HDR \(HLG\): it is tone-mapped/,
      /^The data stream .* is left out/,
      /^The data stream .* is left out/,
    ],
    hdr: true,
  },
  {
    file: 'city-hevc10-pq.mp4',
    systemOnly: true,
    to: 'mp4',
    what: 'HDR (PQ), uneven frame times',
    size: '360p',
    written: '640x360',
    matrix: 'bt709',
    sound: 'copied',
    notices: [/^The input is HDR \(PQ\): it is tone-mapped/],
    hdr: true,
  },
];

const folder = new MediaFolder();
const model = exactModel(folder);
afterAll(() => folder.remove());

/** What a function gives for a file, found out once: each input is looked at by several tests. */
function once<Result>(look: (path: string) => Result): (path: string) => Result {
  const known = new Map<string, Result>();
  return (path) => {
    const result = known.get(path) ?? look(path);
    known.set(path, result);
    return result;
  };
}

/** Colours of the inputs, by what is special about them. */
const coloursBefore = new Map<string, number[][]>();
const shownAt = once(frameTimes);
const soundOf = once(packetsMd5);

/** Frame times from the file's start. */
function timesOf(path: string): number[] {
  const start = Number(probeFile(path).format.start_time);
  return shownAt(path).map((time) => time - start);
}

/** Seconds from the beginning of the picture to that of the sound. */
function soundOffset(path: string): number {
  const sound = probeFile(path).streams.find((stream) => stream.codec_type === 'audio');
  return Number(sound?.start_time) - (shownAt(path)[0] ?? NaN);
}

/** The mean over all frames. */
function overall(frames: readonly number[][]): number[] {
  const [first = []] = frames;
  return first.map((_, i) => frames.reduce((sum, frame) => sum + (frame[i] ?? NaN), 0) / frames.length);
}

describe.skipIf(sharedData === undefined)('real video, nothing done to it', () => {
  const cases = ffmpegs.flatMap((tested) =>
    clips
      .filter((clip) => tested.name === 'system' || !clip.systemOnly)
      .map((clip) => ({ ...clip, tested, name: tested.name })),
  );
  describe.each(cases)('$file ($what), $name ffmpeg', (clip) => {
    const { tested, coloursOf: frames, assumed } = clip;
    const input = realClip(clip.file);
    const output = folder.file(`${tested.name}-${clip.file.replaceAll('/', '-')}.${clip.to}`);
    const notices: string[] = [];
    let summary: TranslateSummary;

    beforeAll(async () => {
      summary = await translateFile(input, output, {
        ...{ model, strength: 0, size: clip.size, ffmpeg: tested.path },
        onNotice: (notice) => notices.push(notice),
      });
    }, 600_000);

    test('every frame comes out once, when it was shown', () => {
      const before = timesOf(input);
      const after = timesOf(output);
      expect(after).toHaveLength(before.length);
      expect(summary).toMatchObject({ framesIn: before.length, framesOut: before.length });
      // The old one's clock ticks every two milliseconds at the least.
      const most = tested.name === 'system' ? 0.001 : 0.0021;
      const off = after.map((time, i) => Math.abs(time - (before[i] ?? NaN)));
      expect(Math.max(...off)).toBeLessThanOrEqual(most + 1e-6);
    });

    test(`upright, ${clip.written}, colours tagged`, () => {
      const video = videoOf(output);
      expect(`${video.width}x${video.height}`).toBe(clip.written);
      expect(rotationOf(video)).toBe(0);
      expect(video).toMatchObject({ color_range: 'tv', color_space: clip.matrix, pix_fmt: 'yuv420p' });
      expect(video.color_primaries).toMatch(/^(bt709|smpte170m|bt470bg|bt2020)$/);
      expect(video.color_transfer).toMatch(/^(bt709|smpte170m|bt2020-10)$/);
    });

    if (clip.hdr) {
      test('a picture neither black nor blown out', () => {
        const { bytes } = readFrames(output, { frames: 3 });
        const share = (holds: (value: number) => boolean) => bytes.filter(holds).length / bytes.length;
        expect(share((value) => value <= 8)).toBeLessThan(0.3);
        expect(share((value) => value >= 250)).toBeLessThan(0.1);
        const mean = bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
        expect(mean).toBeGreaterThan(50);
        expect(mean).toBeLessThan(190);
      });
    } else {
      test('the colours of the input', () => {
        const options = { ...(frames === undefined ? {} : { frames }), ...(assumed === undefined ? {} : { assumed }) };
        const cropped = { ...options, ...(clip.crop === undefined ? {} : { crop: clip.crop }) };
        const before = coloursBefore.get(clip.what) ?? meanColours(input, cropped);
        coloursBefore.set(clip.what, before);
        const after = meanColours(output, options);
        expect(after.length).toBeGreaterThan(0);
        expect(largestDifference([overall(after)], [overall(before)])).toBeLessThanOrEqual(1);
        // What the encoder leaves out of a single frame comes on top.
        expect(largestDifference(after, before)).toBeLessThanOrEqual(2.5);
      });
    }

    test(`sound: ${typeof clip.sound === 'string' ? clip.sound : `re-encoded to ${clip.sound.codec}`}`, () => {
      const sounds = probeFile(output).streams.filter((stream) => stream.codec_type === 'audio');
      if (clip.sound === 'none') {
        expect(sounds).toEqual([]);
        return;
      }
      expect(sounds).toHaveLength(1);
      expect(Math.abs(soundOffset(output) - soundOffset(input))).toBeLessThan(0.025);
      if (clip.sound === 'copied') {
        expect(soundOf(output)).toBe(soundOf(input));
      } else {
        expect(sounds[0]?.codec_name).toBe(clip.sound.codec);
      }
    });

    test('what the user is told', () => {
      const due = [...(clip.notices ?? []), ...(typeof clip.sound === 'string' ? [] : [clip.sound.notice])];
      const told = notices.filter((notice) => !notice.startsWith('Running on the CPU'));
      for (const pattern of due) {
        expect(told).toContainEqual(expect.stringMatching(pattern));
      }
      expect(told).toHaveLength(due.length);
    });
  });
});

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Rational, VideoFormat } from '../../dist/index.js';
import { NutReader } from '../../dist/video/nut/reader.js';
import { nutFrameHeader, nutHeader } from '../../dist/video/nut/writer.js';
import { ffmpeg, ffmpegs, frameTimes, MediaFolder, probeFile, runTool, videoOf } from '../support/media.js';
import { frameOf } from '../support/models.js';

const folder = new MediaFolder();
afterAll(() => folder.remove());

/** A NUT stream of pictures that are told by their number. */
function streamOf(format: VideoFormat, timestamps: readonly number[]): Buffer {
  const frames = timestamps.flatMap((timestamp, index) => {
    const { pixels } = frameOf(index, format.width, format.height);
    return [nutFrameHeader(timestamp, pixels.byteLength), Buffer.from(pixels)];
  });
  return Buffer.concat([nutHeader(format), ...frames]);
}

/** Everything that a reader makes of a stream. */
async function readAll(stream: Readable) {
  const reader = new NutReader(stream);
  const header = await reader.readHeader();
  const frames: { timestamp: number; pixels: Uint8Array }[] = [];
  if (header !== undefined) {
    const byteLength = header.width * header.height * 3;
    for (;;) {
      const frame = await reader.readFrame(() => new ArrayBuffer(byteLength));
      if (frame === undefined) {
        break;
      }
      frames.push(frame);
    }
  }
  return { header, frames };
}

/** Bytes that come in pieces of a given size, as from a pipe. */
function inPieces(bytes: Buffer, size: number): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    pieces.push(bytes.subarray(at, at + size));
  }
  return Readable.from(pieces);
}

const ntsc: VideoFormat = {
  width: 64,
  height: 48,
  timeBase: { numerator: 1001, denominator: 30000 },
  frameRate: { numerator: 30000, denominator: 1001 },
  sampleAspectRatio: undefined,
};

const written: { what: string; format: VideoFormat; timestamps: number[] }[] = [
  { what: 'NTSC', format: ntsc, timestamps: [0, 1, 2, 3] },
  {
    what: 'uneven gaps in 1/90000',
    format: { ...ntsc, timeBase: { numerator: 1, denominator: 90000 } },
    timestamps: [0, 1, 450, 144450, 9000000],
  },
  {
    what: 'wide pixels',
    format: { ...ntsc, sampleAspectRatio: { numerator: 40, denominator: 33 } },
    timestamps: [0, 1],
  },
  {
    what: 'days of nanoseconds',
    format: { ...ntsc, timeBase: { numerator: 1, denominator: 1_000_000_000 } },
    timestamps: [0, 33_366_667, 2 ** 47],
  },
  {
    what: 'no frame rate, the smallest picture',
    format: { ...ntsc, width: 2, height: 2, frameRate: undefined },
    timestamps: [0, 5, 6],
  },
];

describe.each(written)('written: $what', ({ what, format, timestamps }) => {
  const file = folder.file(`${what.replaceAll(/\W/g, '-')}.nut`);
  beforeAll(() => writeFileSync(file, streamOf(format, timestamps)));

  test('ffprobe reads size, time base, aspect and rate', () => {
    const video = videoOf(file);
    const { numerator, denominator } = format.timeBase;
    expect(video).toMatchObject({
      codec_name: 'rawvideo',
      pix_fmt: 'rgb24',
      width: format.width,
      height: format.height,
      time_base: `${numerator}/${denominator}`,
    });
    const aspect = format.sampleAspectRatio;
    expect(video.sample_aspect_ratio).toBe(aspect && `${aspect.numerator}:${aspect.denominator}`);
    if (format.frameRate !== undefined) {
      expect(video.r_frame_rate).toBe(`${format.frameRate.numerator}/${format.frameRate.denominator}`);
    }
  });

  test('ffprobe reads every timestamp as it was', () => {
    const { numerator, denominator } = format.timeBase;
    const due = timestamps.map((ticks) => (ticks * numerator) / denominator);
    expect(frameTimes(file)).toHaveLength(due.length);
    frameTimes(file).forEach((time, i) => expect(time).toBeCloseTo(due[i] ?? NaN, 5));
  });

  test.each(ffmpegs)('the $name ffmpeg reads every byte as it was, and finds no fault', ({ path }) => {
    const all = Buffer.concat(timestamps.map((_, i) => frameOf(i, format.width, format.height).pixels));
    const options = ['-v', 'warning', '-err_detect', 'explode', '-nostdin', '-i', file, '-vsync', '0'];
    expect(runTool(path, [...options, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']).equals(all)).toBe(true);
  });

  test('the reader reads it back, however it is cut into pieces', async () => {
    const bytes = streamOf(format, timestamps);
    for (const size of [1, 7, 4096, bytes.length]) {
      const { header, frames } = await readAll(inPieces(bytes, size));
      expect(header).toEqual({
        width: format.width,
        height: format.height,
        timeBase: format.timeBase,
        sampleAspectRatio: format.sampleAspectRatio,
      });
      expect(frames.map(({ timestamp }) => timestamp)).toEqual(timestamps);
      frames.forEach(({ pixels }, i) => expect(pixels).toEqual(frameOf(i, format.width, format.height).pixels));
    }
  });
});

interface Made {
  readonly what: string;
  readonly size: string;
  /** Filters that set the timestamps. */
  readonly timing: string;
  readonly timeBase: Rational;
  readonly timestamps: readonly number[];
}

const made: readonly Made[] = [
  {
    what: 'tiny pictures, whose headers are left out',
    size: '8x6',
    timing: '',
    timeBase: { numerator: 1001, denominator: 30000 },
    timestamps: [0, 1, 2, 3, 4],
  },
  {
    what: 'pictures of just under 4096 bytes',
    size: '36x36',
    timing: '',
    timeBase: { numerator: 1001, denominator: 30000 },
    timestamps: [0, 1, 2, 3, 4],
  },
  {
    what: 'large pictures',
    size: '1920x1080',
    timing: '',
    timeBase: { numerator: 1001, denominator: 30000 },
    timestamps: [0, 1, 2, 3, 4],
  },
  {
    what: 'an odd time base and gaps of all sizes',
    size: '64x48',
    timing: ',settb=7/44100,setpts=N*N*N*1000',
    timeBase: { numerator: 7, denominator: 44100 },
    timestamps: [0, 1000, 8000, 27000, 64000],
  },
  {
    what: 'hours between two pictures',
    size: '64x48',
    timing: ',settb=1/90000,setpts=if(N\\,2000000000+N\\,0)',
    timeBase: { numerator: 1, denominator: 90000 },
    timestamps: [0, ...[1, 2, 3, 4].map((n) => 2_000_000_000 + n)],
  },
];

describe.each(ffmpegs)('read from the $name ffmpeg', ({ path }) => {
  test.each(made)('$what', async ({ size, timing, timeBase, timestamps }) => {
    const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=30000/1001${timing}`];
    const output = ['-frames:v', '5', '-vsync', '0', '-enc_time_base', '-1', '-c:v', 'rawvideo', '-pix_fmt', 'rgb24'];
    const child = spawn(path, ['-v', 'error', '-nostdin', ...picture, ...output, '-f', 'nut', '-']);
    const { header, frames } = await readAll(child.stdout);
    const [width, height] = size.split('x').map(Number);
    expect(header).toMatchObject({ width, height });
    // ffmpeg may choose a finer time base, in which all times are whole.
    const seconds = (ticks: number, base: Rational) => (ticks * base.numerator) / base.denominator;
    const times = frames.map(({ timestamp }) => seconds(timestamp, header?.timeBase ?? timeBase));
    expect(times).toHaveLength(timestamps.length);
    times.forEach((time, i) => expect(time).toBeCloseTo(seconds(timestamps[i] ?? NaN, timeBase), 9));
    const raw = runTool(path, ['-v', 'error', '-nostdin', ...picture, ...output, '-f', 'rawvideo', '-']);
    expect(Buffer.concat(frames.map(({ pixels }) => pixels)).equals(raw)).toBe(true);
  });

  test('more than one stream is refused', async () => {
    const source = ['-f', 'lavfi', '-i', 'testsrc2=size=8x8:duration=0.2', '-f', 'lavfi', '-i', 'sine=duration=0.2'];
    const bytes = runTool(path, ['-v', 'error', ...source, '-c:v', 'rawvideo', '-f', 'nut', '-']);
    await expect(readAll(inPieces(bytes, 1000))).rejects.toMatchObject({
      name: 'NutError',
      message: 'Unexpected bytes from ffmpeg: more than one stream.',
    });
  });
});

describe('bytes that are no stream', () => {
  const good = streamOf(ntsc, [0, 1, 2]);

  test('nothing at all: no header, no error', async () => {
    expect(await readAll(Readable.from([]))).toEqual({ header: undefined, frames: [] });
  });

  test('another format', async () => {
    const png = ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', '-f', 'apng', '-');
    await expect(readAll(inPieces(png, 512))).rejects.toThrow('Unexpected bytes from ffmpeg: not a NUT stream.');
  });

  test('cut off anywhere: what is whole is read, the rest is an error, nothing hangs', async () => {
    const headerLength = nutHeader(ntsc).length;
    const frameLength = (good.length - headerLength) / 3;
    // Before its first pixel there may be nothing but a mark: then there is no frame.
    const firstPixel = nutFrameHeader(0, 64 * 48 * 3).length;
    for (let length = 1; length < good.length; length += length < headerLength + 60 ? 1 : 499) {
      const outcome = await readAll(inPieces(good.subarray(0, length), 4096)).then(
        ({ frames }) => frames.length,
        (error: unknown) => (error as Error).name,
      );
      const rest = (length - headerLength) % frameLength;
      if (length > headerLength && rest >= firstPixel) {
        expect([length, outcome]).toEqual([length, 'UnexpectedEnd']);
      } else {
        expect(
          outcome === 'UnexpectedEnd' || outcome === Math.max(0, Math.floor((length - headerLength) / frameLength)),
        ).toBe(true);
      }
    }
    expect((await readAll(inPieces(good.subarray(0, headerLength + frameLength), 100))).frames).toHaveLength(1);
  });

  test('noise after the header: an error, whatever it is', async () => {
    const header = nutHeader(ntsc);
    for (let seed = 0; seed < 200; seed++) {
      const noise = Buffer.from(frameOf(seed, 32, 32).pixels);
      await expect(readAll(inPieces(Buffer.concat([header, noise]), 500))).rejects.toThrow();
    }
  });

  test('noise in the headers: an error or a stream, but an end', async () => {
    const header = nutHeader(ntsc);
    for (let at = 24; at < header.length; at++) {
      for (const value of [0x00, 0x7f, 0xff]) {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        await readAll(inPieces(bytes, 4096)).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      }
    }
  });

  test('a stream that breaks gives its own error', async () => {
    const stream = new PassThrough();
    const reading = readAll(stream);
    stream.write(good.subarray(0, 2000));
    stream.destroy(new Error('the pipe broke'));
    await expect(reading).rejects.toThrow('the pipe broke');
  });

  test('a frame of another size is refused before a buffer is filled', async () => {
    const bytes = Buffer.concat([nutHeader(ntsc), nutFrameHeader(0, 12), Buffer.alloc(12)]);
    await expect(readAll(inPieces(bytes, 64))).rejects.toThrow('a frame of 12 bytes where 9216 were due');
  });
});

test('the tests see what they look at: ffprobe knows the container as nut', () => {
  writeFileSync(folder.file('name.nut'), streamOf(ntsc, [0]));
  expect(probeFile(folder.file('name.nut')).format.format_name).toBe('nut');
});

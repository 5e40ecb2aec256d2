import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { UsageError } from '../../dist/index.js';
import { nalUnits } from '../../dist/video/live/codec-string.js';
import { freePort } from '../support/free-port.js';
import { exactModel, ffmpeg, ffmpegs, MediaFolder, realClip, sharedData } from '../support/media.js';
import { ffmpegsWith, until, watch } from './support.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
const small = ['-i', drive, '-t', '2', '-an', '-vf', 'scale=320:180'];
let invert = '';
beforeAll(() => {
  invert = exactModel(folder);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => folder.remove());

/** The access units of an H.264 stream as a browser's camera sends them. */
function cameraUnits(): { data: Uint8Array; key: boolean }[] {
  const parameters = 'repeat-headers=1:aud=1:sliced-threads=0:keyint=25';
  const encoder = ['-c:v', 'libx264', '-profile:v', 'baseline', '-tune', 'zerolatency', '-x264-params', parameters];
  const stream = ffmpeg(...small, ...encoder, '-f', 'h264', '-');
  const delimiter = Buffer.from([0, 0, 0, 1, 9]);
  const units: Buffer[] = [];
  for (let at = stream.indexOf(delimiter); at >= 0;) {
    const next = stream.indexOf(delimiter, at + 1);
    units.push(stream.subarray(at, next < 0 ? undefined : next));
    at = next;
  }
  return units.map((data) => ({ data, key: nalUnits(data).some((unit) => ((unit[0] ?? 0) & 31) === 7) }));
}

/** Whole JPEG pictures. */
function cameraPictures(): { data: Uint8Array; key: boolean }[] {
  const stream = ffmpeg(...small, '-c:v', 'mjpeg', '-f', 'image2pipe', '-');
  const start = Buffer.from([0xff, 0xd8, 0xff]);
  const pictures: Buffer[] = [];
  for (let at = stream.indexOf(start); at >= 0;) {
    const next = stream.indexOf(start, at + 1);
    pictures.push(stream.subarray(at, next < 0 ? undefined : next));
    at = next;
  }
  return pictures.map((data) => ({ data, key: true }));
}

function never(): never {
  throw new Error('There is no picture.');
}

describe.each(ffmpegs)('pictures that are pushed, through the $name ffmpeg', ({ path }) => {
  test.each([
    ['h264' as const, cameraUnits],
    ['jpeg' as const, cameraPictures],
  ])('%s: each gives its translation before the next one comes, with the times it came with', async (codec, made) => {
    const pictures = made().slice(0, 30);
    let credit = 0;
    await using watched = await watch({
      source: { kind: 'pushed', codec, width: 320, height: 180 },
      ...{ model: invert, ffmpeg: path },
      onCredit: (count) => (credit += count),
    });
    expect(credit).toBe(2);
    for (const [index, { data, key }] of pictures.entries()) {
      const [timestampMicroseconds, captureTimeMilliseconds] = [7_000_000 + index * 33_333, 1000.25 + index * 33];
      expect(watched.live.push({ data, key, timestampMicroseconds, captureTimeMilliseconds })).toBe(true);
      await until(`picture ${index}`, () => watched.of('translated').length === index + 1, 20);
      expect(watched.of('translated').at(-1)).toMatchObject({ timestampMicroseconds, captureTimeMilliseconds });
    }
    expect(credit).toBe(2 + pictures.length);
    expect(watched.live.statistics().dropped).toEqual({ generator: 0, late: 0, encoder: 0 });
    expect(watched.live.status.state).toBe('live');
  });
});

test('a camera that sends nonsense is told, and goes on with its next key frame', async () => {
  const pictures = cameraUnits();
  let keysNeeded = 0;
  await using watched = await watch({
    source: { kind: 'pushed', codec: 'h264', width: 320, height: 180 },
    model: invert,
    onKeyFrameNeeded: () => (keysNeeded += 1),
  });
  let index = 0;
  const push = (data: Uint8Array, key: boolean) =>
    watched.live.push({ data, key, timestampMicroseconds: (index += 1) * 40_000, captureTimeMilliseconds: index });
  const [first, second] = pictures;
  // Nothing can be made of a picture that only tells what has changed.
  expect(push(second?.data ?? new Uint8Array(), false)).toBe(false);
  expect(keysNeeded).toBe(1);
  expect(push(new Uint8Array(0), true)).toBe(false);
  const timestampless = { data: first?.data ?? new Uint8Array(), key: true, captureTimeMilliseconds: 0 };
  expect(watched.live.push({ ...timestampless, timestampMicroseconds: -1 })).toBe(false);
  expect(watched.live.push({ ...timestampless, timestampMicroseconds: NaN })).toBe(false);
  push(Buffer.alloc(5000, 0x5a), true);
  push(Buffer.alloc(5000, 0xa5), true);
  await until('a new decoder', () => keysNeeded > 1);
  push(first?.data ?? new Uint8Array(), true);
  await until('the picture', () => watched.of('translated').length === 1);
  // More than its credit is refused, not stored.
  const taken = Array.from({ length: 50 }, () => push(first?.data ?? new Uint8Array(), true));
  expect(taken.filter((accepted) => accepted).length).toBeLessThan(20);
});

test('a decoder that can not be started is told, and the next key frame gets another', async () => {
  let keysNeeded = 0;
  await using watched = await watch({
    source: { kind: 'pushed', codec: 'jpeg', width: 320, height: 180 },
    model: invert,
    onKeyFrameNeeded: () => (keysNeeded += 1),
  });
  const [picture] = cameraPictures();
  const push = (timestampMicroseconds: number) =>
    watched.live.push({ ...(picture ?? never()), timestampMicroseconds, captureTimeMilliseconds: 0 });
  vi.stubEnv('TMPDIR', folder.file('nowhere'));
  push(1);
  await until('the news', () => watched.live.status.state === 'reconnecting');
  await until('a wish for a key', () => keysNeeded > 0);
  vi.unstubAllEnvs();
  push(40_000);
  await until('the picture', () => watched.of('translated').length === 1);
});

test('only what is pushed can be pushed', async () => {
  await using watched = await watch({ source: { kind: 'file', path: drive }, model: invert });
  const unit = { data: new Uint8Array(1), key: true, timestampMicroseconds: 0, captureTimeMilliseconds: 0 };
  expect(() => watched.live.push(unit)).toThrow(UsageError);
  const tiny = { kind: 'pushed', codec: 'jpeg', width: 1, height: 1 } as const;
  await expect(watch({ source: tiny, model: invert })).rejects.toThrow(UsageError);
});

// They wait, each for its own server: all of them at once.
describe.concurrent('addresses', () => {
  const servers: Server[] = [];
  afterAll(() => servers.forEach((server) => server.closeAllConnections()));

  /** Serves a file; the answer is held back so many times. */
  async function serve(path: string, type: string): Promise<string> {
    const server = createServer((_, response) => {
      response.setHeader('content-type', type);
      createReadStream(path).pipe(response);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/clip`;
  }

  test('a recording over http plays at its own pace and ends', async () => {
    const path = folder.file('recording.mkv');
    ffmpeg(...small, '-c:v', 'libx264', '-preset', 'ultrafast', path);
    const began = performance.now();
    await using watched = await watch({
      source: { kind: 'url', url: await serve(path, 'video/x-matroska') },
      model: invert,
    });
    await until('its end', () => watched.live.status.state === 'ended');
    expect(performance.now() - began).toBeGreaterThan(1500);
    expect(watched.of('translated').length).toBeGreaterThan(30);
  });

  test('a stream that breaks off is opened again', async () => {
    const path = folder.file('stream.ts');
    ffmpeg(...small, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', path);
    const port = await freePort();
    const send = () =>
      spawn(ffmpegs.at(-1)?.path ?? 'ffmpeg', [
        ...['-v', 'quiet', '-nostdin', '-re', '-stream_loop', '-1', '-i', path, '-c', 'copy', '-f', 'mpegts'],
        `udp://127.0.0.1:${port}?pkt_size=1316`,
      ]);
    await using watched = await watch({
      source: { kind: 'url', url: `udp://127.0.0.1:${port}?timeout=1500000` },
      model: invert,
    });
    let sender = send();
    try {
      await until('pictures', () => watched.of('translated').length > 5);
      sender.kill('SIGKILL');
      await until('the loss', () => watched.states.includes('reconnecting'));
      const { length } = watched.of('translated');
      sender = send();
      await until('pictures again', () => watched.of('translated').length > length + 5);
    } finally {
      sender.kill('SIGKILL');
    }
  });

  test('one that takes the call and never answers is given up, tried again, and closed in the middle', async () => {
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const watched = await watch({ source: { kind: 'url', url: `rtsp://127.0.0.1:${port}/x` }, model: invert });
    await until('the call', () => ffmpegsWith(`127.0.0.1:${port}`).length > 0);
    await until('the notice', () => watched.states.includes('reconnecting'), 40);
    expect(watched.live.status.message).toContain('sent no picture for 15 seconds');
    await watched.live.close();
    silent.close();
    expect(ffmpegsWith(`127.0.0.1:${port}`)).toEqual([]);
  });

  test('one where nobody listens says so, and what to check', async () => {
    const port = await freePort();
    await using watched = await watch({ source: { kind: 'url', url: `http://127.0.0.1:${port}/x` }, model: invert });
    await until('the notice', () => watched.states.includes('reconnecting'));
    expect(watched.live.status.message).toContain("can't be reached");
    expect(watched.live.status.remedy).toBeDefined();
  });
});

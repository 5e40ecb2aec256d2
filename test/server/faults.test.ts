import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { connect } from 'node:net';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { serve, type LiveServer, type ServeOptions } from '../../dist/index.js';
import { freeUdpPort } from '../support/free-port.js';
import { exactModel, ffmpeg, ffmpegs, frameTimes, MediaFolder, realClip, sharedData } from '../support/media.js';
import { ffmpegsWith } from '../live/support.js';
import { attack } from './support/attack.js';
import { nearlyValidMessage, randomMessage } from './support/hostile-messages.js';
import { expectLeftovers, liveWorkers, settledLeftovers, type Leftovers } from './support/leftovers.js';
import { ask } from './support/server.js';
import { TestPage } from './support/test-page.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
/** Messages of each kind that are sent to a server. */
const attacks = 1000;
const seed = 5;
let model: string;
let clip: string;
let before: Leftovers;

beforeAll(async () => {
  model = exactModel(folder);
  clip = folder.file('clip.mp4');
  ffmpeg('-i', drive, '-t', '3', '-an', '-vf', 'scale=320:180', '-c:v', 'libx264', '-preset', 'ultrafast', clip);
  // What is loaded once and stays (sharp's threads, the log) is loaded before anything is counted.
  {
    await using server = await start({ source: clip, loop: true });
    const [video, pictures] = [await watch(server), await watch(server, 'jpeg')];
    await Promise.all([video.gets(3), pictures.gets(3)]);
    [video, pictures].forEach((page) => page.terminate());
  }
  before = await settledLeftovers();
});
afterAll(() => folder.remove());

/** Serves on a free port, with a network that costs next to nothing. */
function start(options: ServeOptions): Promise<LiveServer> {
  return serve({ port: 0, model, ...options });
}

async function watch(server: LiveServer, codec: 'h264' | 'jpeg' = 'h264'): Promise<TestPage> {
  const page = await TestPage.connect(server.port);
  page.hello();
  page.send({ type: 'watch', tracks: ['translated'], codec });
  return page;
}

/** Waits until a page is told of a state, and gives that message. */
async function told(page: TestPage, state: string) {
  for (;;) {
    const status = await page.next('status');
    if (status.state === state) {
      return status;
    }
  }
}

/** Waits for so many pictures beside those that came before. */
async function getsMore(page: TestPage, count: number): Promise<void> {
  await page.gets(page.pictures.length + count);
}

function killFfmpegs(marked: string): void {
  const found = ffmpegsWith(marked);
  expect(found).not.toEqual([]);
  found.forEach((pid) => process.kill(pid, 'SIGKILL'));
}

test("the network's worker crashes: viewers are told why, and the next one goes on", async () => {
  {
    await using server = await start({ source: clip, loop: true });
    const [page, other] = [await watch(server), await watch(server)];
    await Promise.all([page.gets(5), other.gets(5)]);
    const [worker] = liveWorkers;
    // Nothing that the worker expects: it ends by an error that nobody catches.
    worker?.postMessage(null);
    for (const viewer of [page, other]) {
      const status = await told(viewer, 'reconnecting');
      expect(status.message).toMatch(/^Running model\.onnx on cpu failed: .*null/);
      expect(status.remedy).toBeDefined();
      await told(viewer, 'live');
      await getsMore(viewer, 10);
    }
    expect(liveWorkers.size).toBe(1);
    expect([...liveWorkers]).not.toContain(worker);
    [page, other].forEach((viewer) => viewer.terminate());
  }
  await expectLeftovers(before);
});

test('each ffmpeg is killed in turn: the decoder is told of, all get a successor', async () => {
  const [playlist, file] = [folder.file('hls/live.m3u8'), folder.file('cut.ts')];
  const log: string[] = [];
  {
    await using server = await start({
      ...{ source: clip, loop: true, output: [playlist, file] },
      onLog: (line) => log.push(line),
    });
    const page = await watch(server);
    await page.gets(10);
    await told(page, 'live');

    killFfmpegs('unix:');
    const { message } = await told(page, 'reconnecting');
    expect(message).toContain('clip.mp4');
    expect(message).not.toContain(folder.path);
    await told(page, 'live');
    await getsMore(page, 10);

    const seen = page.pictures.length;
    killFfmpegs('zerolatency');
    await page.until(
      () => page.pictures.slice(seen).some(({ header }) => header.key && header.discontinuity),
      'a key picture of a new encoder',
    );
    await getsMore(page, 10);
    expect(log.join('')).toContain('The encoder is started again');

    await expect.poll(() => existsSync(playlist), { timeout: 15_000 }).toBe(true);
    killFfmpegs('live.m3u8');
    killFfmpegs('cut');
    await expect.poll(() => log.join(''), { timeout: 15_000 }).toMatch(/live\.m3u8.*is written again/);
    expect(log.join('')).toMatch(/cut\.ts/);
    await getsMore(page, 60);
    page.terminate();
  }
  expect(frameTimes(playlist).length).toBeGreaterThan(20);
  // What can't be gone on with isn't left half-written under its name.
  expect(existsSync(file)).toBe(false);
  expect(folder.leftovers).toEqual([]);
  await expectLeftovers(before);
});

test('a source that goes away and comes back', async () => {
  const stream = folder.file('stream.ts');
  ffmpeg('-i', clip, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-bf', '0', stream);
  const port = await freeUdpPort();
  const send = (): ChildProcess =>
    spawn(ffmpegs.at(-1)?.path ?? 'ffmpeg', [
      ...['-v', 'quiet', '-nostdin', '-re', '-stream_loop', '-1', '-i', stream, '-c', 'copy', '-f', 'mpegts'],
      `udp://127.0.0.1:${port}?pkt_size=1316`,
    ]);
  let sender = send();
  try {
    await using server = await start({ source: `udp://127.0.0.1:${port}?timeout=1500000` });
    const page = await watch(server);
    await page.gets(5);
    sender.kill('SIGKILL');
    expect((await told(page, 'reconnecting')).message).toContain('udp://127.0.0.1');
    sender = send();
    await told(page, 'live');
    await getsMore(page, 5);
    page.terminate();
  } finally {
    sender.kill('SIGKILL');
    await once(sender, 'exit');
  }
  await expectLeftovers(before);
});

test('a viewer that is gone in the middle of a picture, and a camera in the middle of its own', async () => {
  {
    await using server = await start({ source: clip, loop: true, size: 'source' });
    const staying = await watch(server);
    await staying.gets(5);
    for (let round = 0; round < 5; round++) {
      await goInTheMiddle(server.port);
    }
    await expect.poll(async () => (await ask(server.port, '/metrics')).body).toContain('vid2vid_turbo_viewers 1\n');
    expect((await ask(server.port, '/metrics')).body).toContain('vid2vid_turbo_cameras 0\n');
    await getsMore(staying, 10);
    staying.terminate();
  }
  await expectLeftovers(before);
});

test(
  '1,000 random and 1,000 nearly valid messages: no viewer notices, nothing is left',
  { timeout: 300_000 },
  async () => {
    const log: string[] = [];
    {
      await using server = await start({
        ...{ source: clip, loop: true, size: '320x176', maxCameras: 2 },
        onLog: (line) => log.push(line),
      });
      const staying = await watch(server);
      await staying.gets(5);
      const messages = [randomMessage, nearlyValidMessage].flatMap((kind) =>
        fc.sample(kind, { numRuns: attacks, seed }),
      );
      const ends = await attack(messages, () => watch(server));
      expect(ends.length).toBeGreaterThan(200);
      for (const { code, reason } of ends) {
        expect([1007, 1008, 1009]).toContain(code);
        expect(reason).toMatch(/^[a-z-]+$/);
      }
      await getsMore(staying, 10);
      await expect.poll(async () => (await ask(server.port, '/metrics')).body).toContain('vid2vid_turbo_viewers 1\n');
      await expect.poll(async () => (await ask(server.port, '/metrics')).body).toContain('vid2vid_turbo_cameras 0\n');
      staying.terminate();
    }
    expect(log.filter((line) => line.includes('fault of the server'))).toEqual([]);
    await expectLeftovers(before);
  },
);

/** Watches, turns a camera on, and cuts the connection within a picture that comes and one that goes. */
async function goInTheMiddle(port: number): Promise<void> {
  const page = await TestPage.connect(port);
  page.hello();
  page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  await page.gets(1);
  page.send({ type: 'camera-start', codec: 'jpeg', width: 320, height: 176, frameRate: 25 });
  await page.next('credit');
  const raw = (page.socket as unknown as { readonly _socket: ReturnType<typeof connect> })._socket;
  // A binary message of 5,000 bytes, masked, of which a hundred come.
  raw.write(Buffer.concat([Buffer.from([0x82, 0xfe, 0x13, 0x88, 0, 0, 0, 0]), Buffer.alloc(100)]));
  await new Promise((resolve) => raw.once('data', resolve));
  raw.resetAndDestroy();
}

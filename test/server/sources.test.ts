import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import sirv from 'sirv';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';

import { serve, type LiveServer } from '../../dist/index.js';
import { until } from '../live/support.js';
import { freePort } from '../support/free-port.js';
import { exactModel, ffmpeg, ffmpegs, MediaFolder, realClip, runTool, sharedData } from '../support/media.js';
import { RtspServer } from '../support/rtsp-server.js';
import { TestPage } from './support/test-page.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
const speaksSrt = (path: string) => /\bsrt\b/.test(runTool(path, ['-hide_banner', '-protocols']).toString());
/** The other end: an ffmpeg that speaks everything, where there is one. */
const program = (ffmpegs.find(({ path }) => speaksSrt(path)) ?? ffmpegs[0])?.path ?? 'ffmpeg';
/** Sends a clip again and again at its own pace, coded as it is. */
const replay = ['-v', 'error', '-nostdin', '-re', '-stream_loop', '-1', '-i'];
let model: string;
let clip: string;

beforeAll(() => {
  model = exactModel(folder);
  clip = folder.file('clip.ts');
  const coding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '12'];
  ffmpeg('-i', drive, '-t', '4', '-an', '-vf', 'scale=320:180', ...coding, clip);
});
afterAll(() => folder.remove());

/** Starts an ffmpeg that ends with the test. */
function start({ onTestFinished }: TestContext, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return child;
}

async function watch(server: LiveServer): Promise<TestPage> {
  const page = await TestPage.connect(server.port);
  page.hello();
  page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  return page;
}

/** Expects that a source is shown, a good while on end, and named to viewers without what is secret in it. */
async function expectShown(source: string, shown: string): Promise<void> {
  await using server = await serve({ source, model, port: 0 });
  const page = await watch(server);
  expect((await page.next('welcome')).source).toEqual({ kind: 'url', title: shown });
  await page.gets(60);
  expect(page.pictures[0]?.header).toMatchObject({ key: true, width: 320, height: 176 });
  const times = page.pictures.map(({ header }) => header.timestampMicroseconds);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  page.terminate();
}

/** The port of a server that ends with the test. */
async function listenOn({ onTestFinished }: TestContext, server: Server): Promise<number> {
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

// They wait for what plays at its own pace: all of them at once.
describe.concurrent('sources of serve', () => {
  test('rtsp, as a network camera gives it, also after the camera was away', async () => {
    await using camera = await RtspServer.start(program, clip, folder.file('camera.sdp'));
    await using server = await serve({ source: camera.url.replace('//', '//user:secret@'), model, port: 0 });
    const page = await watch(server);
    expect((await page.next('welcome')).source).toEqual({ kind: 'url', title: `rtsp://${new URL(camera.url).host}` });
    await page.gets(30);
    const before = page.messages.length;
    camera.drop();
    const news = () => page.messages.slice(before);
    await page.until(
      () => news().some((message) => message.type === 'status' && message.state === 'reconnecting'),
      'the news',
    );
    expect(JSON.stringify(page.messages)).not.toContain('secret');
    await page.gets(page.pictures.length + 30);
    page.terminate();
  });

  test('rtmp, from a server that is asked to play', async (context) => {
    const port = await freePort();
    start(context, [...replay, clip, '-c', 'copy', '-f', 'flv', '-listen', '1', `rtmp://127.0.0.1:${port}/live/key`]);
    await expectShown(`rtmp://127.0.0.1:${port}/live/key`, `rtmp://127.0.0.1:${port}`);
  });

  test.skipIf(!speaksSrt(program))('srt', async (context) => {
    const port = await freePort();
    start(context, [...replay, clip, '-c', 'copy', '-f', 'mpegts', `srt://127.0.0.1:${port}?mode=listener`]);
    await expectShown(`srt://127.0.0.1:${port}`, `srt://127.0.0.1:${port}`);
  });

  test('http that never ends', async (context) => {
    const server = createServer((_, response) => {
      const child = start(context, [...replay, clip, '-c', 'copy', '-f', 'mpegts', '-']);
      response.setHeader('content-type', 'video/mp2t');
      child.stdout?.pipe(response);
      response.on('close', () => child.kill('SIGKILL'));
    });
    const port = await listenOn(context, server);
    await expectShown(`http://127.0.0.1:${port}/stream?key=secret`, `http://127.0.0.1:${port}`);
  });

  test('hls that is being written', async (context) => {
    const site = folder.file('site');
    mkdirSync(site);
    const playlist = ['-f', 'hls', '-hls_time', '1', '-hls_list_size', '5', '-hls_flags', 'delete_segments'];
    start(context, [...replay, clip, '-c', 'copy', ...playlist, `${site}/live.m3u8`]);
    const port = await listenOn(context, createServer(sirv(site, { dev: true })));
    await until('the playlist', async () => (await fetch(`http://127.0.0.1:${port}/live.m3u8`)).ok, 20);
    await expectShown(`http://127.0.0.1:${port}/live.m3u8`, `http://127.0.0.1:${port}`);
  });
});

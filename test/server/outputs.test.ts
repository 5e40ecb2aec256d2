import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { OutputError, serve, UsageError } from '../../dist/index.js';
import { freePort } from '../support/free-port.js';
import {
  exactModel,
  ffmpeg,
  ffmpegChildren,
  ffmpegs,
  frameTimes,
  MediaFolder,
  meanColours,
  realClip,
  runTool,
  sharedData,
  videoOf,
} from '../support/media.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
const speaksSrt = (path: string) => /\bsrt\b/.test(runTool(path, ['-hide_banner', '-protocols']).toString());
/** The other end: an ffmpeg that speaks everything, where there is one. */
const program = (ffmpegs.find(({ path }) => speaksSrt(path)) ?? ffmpegs[0])?.path ?? 'ffmpeg';
/** Pictures that an output has to have: two seconds and more. */
const enough = 60;
let model: string;
let clip: string;
/** Seconds from one picture of the clip to the next. */
let interval: number;

beforeAll(() => {
  model = exactModel(folder);
  clip = folder.file('clip.mp4');
  ffmpeg(
    '-i',
    drive,
    '-t',
    '4',
    '-an',
    '-vf',
    'scale=320:176,setsar=1',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    clip,
  );
  interval = Math.min(...stepsOf(frameTimes(clip)));
});
afterAll(() => folder.remove());

/** From each time to the next. */
function stepsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

/** Serves the clip with nobody watching, to one output, until `isEnough`; gives back the log and the seconds it served. */
async function writeTo(output: string, isEnough: () => Promise<boolean> | boolean) {
  const log: string[] = [];
  const began = performance.now();
  await using server = await serve({
    ...{ source: clip, loop: true, model, port: 0, output: [output] },
    onLog: (line) => log.push(line),
  });
  const metrics = async () => (await fetch(new URL('/metrics', server.url))).text();
  await expect
    .poll(async () => Number(/frames_total\{channel="stream"\} (\d+)/.exec(await metrics())?.[1] ?? 0), {
      timeout: 60_000,
    })
    .toBeGreaterThan(enough);
  await expect.poll(isEnough, { timeout: 60_000 }).toBe(true);
  await server.close();
  return { log: log.join(''), served: (performance.now() - began) / 1000 };
}

/**
 * Expects the negative of the clip: H.264 of its size, in order, on the clip's own clock, and no more than was served.
 *
 * @param unclocked - Pictures at the beginning whose times are the receiver's.
 */
function expectTranslated(path: string, served: number, unclocked = 0): void {
  expect(videoOf(path)).toMatchObject({ codec_name: 'h264', width: 320, height: 176, has_b_frames: 0 });
  const times = frameTimes(path).slice(unclocked);
  expect(times.length).toBeGreaterThan(enough / 2);
  // Pictures that were dropped on a busy machine leave out whole steps of the clip's clock; containers round to milliseconds.
  const steps = stepsOf(times).map((step) => step / interval);
  expect(Math.min(...steps.map(Math.round))).toBeGreaterThanOrEqual(1);
  expect(steps.filter((step) => Math.abs(step - Math.round(step)) * interval > 0.0025)).toEqual([]);
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(served);
  const mean = (file: string) => {
    const means = meanColours(file, { frames: 50, assumed: 'bt709' }).flat();
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  };
  expect(mean(path) + mean(clip)).toBeGreaterThan(235);
  expect(mean(path) + mean(clip)).toBeLessThan(275);
}

/** Has ffmpeg take a stream at an address that it listens on and store it; checks it when that has ended. */
async function receive(name: string, input: readonly string[], output: (port: number) => string, unclocked = 0) {
  const port = await freePort();
  const stored = folder.file(name);
  const address = input.map((part) => part.replaceAll('PORT', String(port)));
  const receiver = spawn(program, ['-v', 'error', '-y', ...address, '-c', 'copy', '-f', 'matroska', stored], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(receiver, 'exit');
  const sizeOf = () => readdirSync(folder.path).includes(name) && readFileSync(stored).length > 20_000;
  const { log, served } = await writeTo(output(port), sizeOf);
  receiver.stdin.end('q');
  await Promise.race([ended, sleep(5000)]);
  receiver.kill('SIGKILL');
  expect(log).not.toContain('/secret');
  expectTranslated(stored, served, unclocked);
}

describe('outputs of serve, with nobody watching', () => {
  test.each(['out.mp4', 'out.mkv', 'out.ts', 'out.mov', 'out.flv'])('%s', async (name) => {
    const path = folder.file(name);
    const { served } = await writeTo(path, () => true);
    expectTranslated(path, served);
    expect(folder.leftovers).toEqual([]);
  });

  test('hls: a playlist of a few segments, made with its folder, the old ones gone', async () => {
    const path = folder.file('hls/live.m3u8');
    const { served } = await writeTo(path, () => readPlaylist(path).includes('live14.ts'));
    expectTranslated(path, served);
    expect(readPlaylist(path).match(/^live\d+\.ts$/gm)?.length).toBeLessThanOrEqual(7);
    expect(readdirSync(folder.file('hls'))).not.toContain('live0.ts');
    const again = { source: clip, model, port: 0, output: [path] };
    await expect(serve(again)).rejects.toThrow(OutputError);
    await using server = await serve({ ...again, overwrite: true });
    await server.close();
  });

  test('rtmp', async () => {
    const input = ['-listen', '1', '-i', 'rtmp://127.0.0.1:PORT/live/secret'];
    await receive('rtmp.mkv', input, (port) => `rtmp://127.0.0.1:${port}/live/secret`);
  });

  test('rtsp', async () => {
    // This receiver gives the first picture the time of the second.
    const input = ['-rtsp_flags', 'listen', '-i', 'rtsp://127.0.0.1:PORT/secret'];
    await receive('rtsp.mkv', input, (port) => `rtsp://127.0.0.1:${port}/secret`, 1);
  });

  test.skipIf(!speaksSrt(program))('srt', async () => {
    const input = ['-f', 'mpegts', '-i', 'srt://127.0.0.1:PORT?mode=listener'];
    await receive('srt.mkv', input, (port) => `srt://127.0.0.1:${port}`);
  });

  test('udp', async () => {
    const input = ['-f', 'mpegts', '-i', 'udp://127.0.0.1:PORT?timeout=3000000'];
    await receive('udp.mkv', input, (port) => `udp://127.0.0.1:${port}?pkt_size=1316`);
  });

  test('a receiver that comes late, and one that leaves', async () => {
    const [port, before] = [await freePort(), ffmpegChildren().length];
    const log: string[] = [];
    await using server = await serve({
      ...{ source: clip, loop: true, model, port: 0, output: [`rtmp://127.0.0.1:${port}/live/key`] },
      onLog: (line) => log.push(line),
    });
    await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(/rtmp:\/\/127\.0\.0\.1.*tried again/);
    const stored = folder.file('late.flv');
    const listening = ['-listen', '1', '-i', `rtmp://127.0.0.1:${port}/live/key`];
    const receiver = spawn(program, ['-v', 'quiet', '-y', ...listening, '-c', 'copy', stored], { stdio: 'ignore' });
    await expect.poll(() => readdirSync(folder.path).includes('late.flv'), { timeout: 60_000 }).toBe(true);
    expect(log.join('')).toContain('is written again');
    log.length = 0;
    receiver.kill('SIGKILL');
    await once(receiver, 'exit');
    await expect.poll(() => log.join(''), { timeout: 20_000 }).toContain('tried again');
    expect(log.join('')).not.toContain('/live/key');
    await server.close();
    expect(ffmpegChildren().length).toBe(before);
  });

  test('a virtual camera that is not there is said, and tried again', async () => {
    const log: string[] = [];
    await using server = await serve({
      ...{ source: clip, loop: true, model, port: 0, output: ['/dev/video99'] },
      onLog: (line) => log.push(line),
    });
    await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(/video99.*tried again/);
    await server.close();
  });

  test('what can not be written is said before anything begins', async () => {
    const common = { source: clip, model, port: 0 };
    await expect(serve({ ...common, output: ['out.gif'] })).rejects.toThrow(UsageError);
    await expect(serve({ ...common, output: [clip] })).rejects.toThrow(OutputError);
    await expect(serve({ ...common, output: [folder.file('nowhere/out.mp4')] })).rejects.toThrow(OutputError);
    await expect(serve({ model, port: 0, output: ['out.mp4'] })).rejects.toThrow(UsageError);
  });
});

function readPlaylist(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { OutputError, serve, UsageError } from '../../dist/index.js';
import { until } from '../live/support.js';
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
/** Mean of all colours of the clip. */
let brightness: number;

beforeAll(() => {
  model = exactModel(folder);
  clip = folder.file('clip.mp4');
  const coding = ['-an', '-vf', 'scale=320:176,setsar=1', '-c:v', 'libx264', '-preset', 'ultrafast'];
  ffmpeg('-i', drive, '-t', '4', ...coding, clip);
  brightness = mean(clip);
  interval = Math.min(...stepsOf(frameTimes(clip)));
});
afterAll(() => folder.remove());

/** From each time to the next. */
function stepsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

/** What came of serving to some outputs. */
interface Written {
  readonly log: string;
  /** Seconds that it served. */
  readonly served: number;
}

/** Serves the clip with nobody watching, to some outputs, until there is enough. */
async function writeTo(outputs: readonly string[], isEnough: () => boolean = () => true): Promise<Written> {
  const log: string[] = [];
  const began = performance.now();
  await using server = await serve({
    ...{ source: clip, loop: true, model, port: 0, output: outputs },
    onLog: (line) => log.push(line),
  });
  const translated = async () => {
    const metrics = await (await fetch(new URL('/metrics', server.url))).text();
    return Number(/frames_total\{channel="stream"\} (\d+)/.exec(metrics)?.[1] ?? 0);
  };
  await until('enough pictures', async () => (await translated()) > enough);
  await until(`enough of ${outputs.join(', ')}`, isEnough);
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
  const together = mean(path) + brightness;
  expect(together).toBeGreaterThan(235);
  expect(together).toBeLessThan(275);
}

/** Mean of all colours of a file's first pictures. */
function mean(path: string): number {
  const means = meanColours(path, { frames: 50, assumed: 'bt709' }).flat();
  return means.reduce((sum, value) => sum + value, 0) / means.length;
}

/** An ffmpeg that takes a stream at an address that it listens on, and stores it. */
interface Receiver {
  readonly output: string;
  readonly stored: string;
  /** Resolves when it has stored all that it got. */
  end(): Promise<void>;
}

/** Starts a receiver; PORT in both addresses is a free port. */
async function receive(name: string, input: readonly string[], output: string): Promise<Receiver> {
  const port = String(await freePort());
  const stored = folder.file(`${name}.mkv`);
  const address = input.map((part) => part.replaceAll('PORT', port));
  const receiver = spawn(program, ['-v', 'error', '-y', ...address, '-c', 'copy', '-f', 'matroska', stored], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(receiver, 'exit');
  const end = async () => {
    receiver.stdin.end('q');
    await Promise.race([ended, sleep(8000)]);
    receiver.kill('SIGKILL');
  };
  return { output: output.replaceAll('PORT', port), stored, end };
}

/** Serves to receivers until each has stored something. */
async function writeToReceivers(receivers: readonly Receiver[]): Promise<Written> {
  const hasSome = ({ stored }: Receiver) => existsSync(stored) && statSync(stored).size > 20_000;
  try {
    return await writeTo(
      receivers.map(({ output }) => output),
      () => receivers.every(hasSome),
    );
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.end()));
  }
}

describe('outputs of serve, with nobody watching', () => {
  const files = ['out.mp4', 'out.mkv', 'out.ts', 'out.mov', 'out.flv'];
  const playlist = folder.file('hls/live.m3u8');
  const receivers: Receiver[] = [];
  let results: Record<'receivers' | 'files' | 'playlist', PromiseSettledResult<Written>>;

  // All of them at once, for they take their time; looked at afterwards, for that would hold up what is written.
  beforeAll(async () => {
    const rtmp = 'rtmp://127.0.0.1:PORT/live/secret';
    receivers.push(await receive('rtmp', ['-listen', '1', '-i', rtmp], rtmp));
    const rtsp = 'rtsp://127.0.0.1:PORT/secret';
    receivers.push(await receive('rtsp', ['-rtsp_flags', 'listen', '-i', rtsp], rtsp));
    if (speaksSrt(program)) {
      const srt = 'srt://127.0.0.1:PORT';
      receivers.push(await receive('srt', ['-f', 'mpegts', '-i', `${srt}?mode=listener`], srt));
    }
    const udp = 'udp://127.0.0.1:PORT';
    receivers.push(await receive('udp', ['-f', 'mpegts', '-i', `${udp}?timeout=30000000`], `${udp}?pkt_size=1316`));
    const [toReceivers, toFiles, toPlaylist] = await Promise.allSettled([
      writeToReceivers(receivers),
      writeTo(files.map((name) => folder.file(name))),
      writeTo([playlist], () => readPlaylist(playlist).includes('live9.ts')),
    ]);
    results = { receivers: toReceivers, files: toFiles, playlist: toPlaylist };
  });

  function written(kind: keyof typeof results): Written {
    const result = results[kind];
    if (result.status === 'rejected') {
      throw result.reason;
    }
    return result.value;
  }

  test.each(files)('%s', (name) => {
    expectTranslated(folder.file(name), written('files').served);
    expect(folder.leftovers).toEqual([]);
  });

  test('hls: a playlist of a few segments, made with its folder, the old ones gone', async () => {
    expectTranslated(playlist, written('playlist').served);
    expect(readPlaylist(playlist).match(/^live\d+\.ts$/gm)?.length).toBeLessThanOrEqual(7);
    expect(readdirSync(folder.file('hls'))).not.toContain('live0.ts');
    const again = { source: clip, model, port: 0, output: [playlist] };
    await expect(serve(again)).rejects.toThrow(OutputError);
    await using server = await serve({ ...again, overwrite: true });
    await server.close();
  });

  test.each([
    ['rtmp', 0],
    // This receiver gives the first picture the time of the second.
    ['rtsp', 1],
    ['udp', 0],
    ...(speaksSrt(program) ? ([['srt', 0]] as const) : []),
  ] as const)('%s', (name, unclocked) => {
    const { log, served } = written('receivers');
    expect(log).not.toContain('/secret');
    expectTranslated(folder.file(`${name}.mkv`), served, unclocked);
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

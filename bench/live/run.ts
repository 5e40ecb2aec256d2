/**
 * The live server under way: how long a picture takes from capture to a page in a real browser, from the server's source
 * and from the page's own camera; whether the delay stays when the source is more than twice as fast as the generator;
 * and what fifty viewers cost of whom ten hardly read or don't.
 *
 * Usage: npm run bench:live [-- --seconds 30] [--minutes 10] [--viewers 50]
 * Prints a table and writes bench/results/live.json. `--minutes` is the length of the run with a source that is too fast.
 */
import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

import { locateFfmpeg } from '../../dist/video/ffmpeg/locate.js';
import { benchClips } from '../clips.js';
import { watchInBrowser, type PageFigures } from './browser.js';
import { startServing, type ServerFigures, type Serving } from './serving.js';

const tsx = join(import.meta.dirname, '../../node_modules/.bin/tsx');
const size = '640x360';
/** Frames a second of a usual camera, and of a source that no generator on two cores follows. */
const [usualRate, fastRate] = [25, 240] as const;

const seenSchema = z.object({
  fps: z.number(),
  slowestFps: z.number(),
  delayP50: z.number(),
  delayP95: z.number(),
  firstTenthP95: z.number(),
  lastTenthP95: z.number(),
  laggardPictures: z.array(z.number()),
});

interface Row extends PageFigures, ServerFigures {
  readonly what: string;
  readonly viewers: number;
  readonly seconds: number;
  readonly slowestFps?: number;
  readonly laggardPictures?: readonly number[];
}

interface Crowd {
  readonly reading: number;
  readonly slow?: number;
  readonly stalled?: number;
}

/** Viewers that are sockets in one process, so that they cost little. */
async function measureCrowd(what: string, server: Serving, crowd: Crowd, seconds: number): Promise<Row> {
  const { reading, slow = 0, stalled = 0 } = crowd;
  await server.figures();
  const args = [server.port, reading, slow, stalled, seconds].map(String);
  const { stdout } = await execa(tsx, [join(import.meta.dirname, 'viewers.ts'), ...args]);
  const seen = seenSchema.parse(JSON.parse(stdout));
  return { what, viewers: reading + slow + stalled, seconds, ...seen, ...(await server.figures()) };
}

/** A viewer that is the page in a real browser, which takes its share of the cores. */
async function measurePage(what: string, server: Serving, seconds: number, film?: string): Promise<Row[]> {
  await server.figures();
  const seen = await watchInBrowser(server.port, seconds, film);
  if (seen === undefined) {
    console.error('The page is left out: there is no Chromium on PATH.');
    return [];
  }
  return [{ what, viewers: 1, seconds, ...seen, ...(await server.figures()) }];
}

/** A clip at the size that is worked at, so many frames a second. */
async function makeSource(path: string, rate: number, coding: readonly string[]): Promise<string> {
  const { ffmpeg } = await locateFfmpeg();
  const [clip = ''] = benchClips();
  const filters = `scale=640:360,setpts=N/${rate}/TB,fps=${rate}`;
  const [input, filtered] = [
    ['-v', 'error', '-nostdin', '-i', clip],
    ['-vf', filters, '-r', String(rate), '-an'],
  ];
  await execa(ffmpeg, [...input, ...filtered, ...coding, path]);
  return path;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    minutes: { type: 'string', default: '10' },
    viewers: { type: 'string', default: '50' },
  },
});
const seconds = Number(values.seconds);
const viewers = Number(values.viewers);
const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-bench-live-'));
const video = ['-c:v', 'libx264', '-preset', 'veryfast'];
// Chromium's fake camera shows nothing of chroma that isn't halved.
const film = ['-pix_fmt', 'yuvj420p', '-q:v', '4'];
const rows: Row[] = [];
try {
  const usual = await makeSource(join(folder, 'usual.mp4'), usualRate, video);
  {
    await using server = await startServing([usual, '--loop', '--size', size]);
    rows.push(...(await measurePage('the page in Chromium', server, seconds)));
  }
  {
    const camera = await makeSource(join(folder, 'camera.mjpeg'), usualRate, film);
    await using server = await startServing(['--size', size]);
    rows.push(...(await measurePage("the page's own camera", server, seconds, camera)));
  }
  {
    await using server = await startServing([usual, '--loop', '--size', size]);
    rows.push(await measureCrowd('one viewer', server, { reading: 1 }, seconds));
    const laggards = Math.floor(viewers / 10);
    const crowd = { reading: viewers - 2 * laggards, slow: laggards, stalled: laggards };
    rows.push(await measureCrowd(`${viewers} viewers, ${2 * laggards} of them lag`, server, crowd, seconds));
  }
  const fast = await makeSource(join(folder, 'fast.mp4'), fastRate, video);
  await using server = await startServing([fast, '--loop', '--size', size]);
  const long = Number(values.minutes) * 60;
  rows.push(await measureCrowd('source too fast', server, { reading: 1 }, long));
} finally {
  await rm(folder, { recursive: true, force: true });
}

const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, '../results/live.json');
await writeFile(written, `${JSON.stringify({ date: new Date().toISOString(), machine, rows }, undefined, 2)}\n`);
const round = (value = NaN, digits = 1) => (Number.isNaN(value) ? undefined : Number(value.toFixed(digits)));
console.table(
  rows.map((row) => ({
    what: row.what,
    seconds: row.seconds,
    'source fps': round(row.fpsIn),
    'seen fps': round(row.fps),
    slowest: round(row.slowestFps ?? row.fps),
    'delay p50 ms': round(row.delayP50),
    'p95 ms': round(row.delayP95),
    'p95 at first': round(row.firstTenthP95),
    'p95 at last': round(row.lastTenthP95),
    'loop p99 ms': round(row.loopP99),
    'node MiB': round(row.residentMb, 0),
  })),
);
console.log(`${machine.cores} cores of ${String(machine.processor)}, Node ${machine.node}; written to ${written}`);

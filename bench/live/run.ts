/**
 * The live server under way: how long a picture takes from capture to a viewer, whether that stays so when the source is
 * faster than the generator, and what fifty viewers cost of whom ten hardly read or don't.
 *
 * Usage: npm run bench:live [-- --seconds 60] [--minutes 10] [--viewers 50]
 * Prints tables and writes bench/results/live.json. `--minutes` is the length of the run with a source that is too fast.
 */
import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

import { locateFfmpeg } from '../../dist/video/ffmpeg/locate.js';
import { benchClips } from '../clips.js';
import { startServing, type Serving } from './serving.js';

const tsx = join(import.meta.dirname, '../../node_modules/.bin/tsx');
const size = '640x360';

const seenSchema = z.object({
  fps: z.number(),
  slowestFps: z.number(),
  delayP50: z.number(),
  delayP95: z.number(),
  firstTenthP95: z.number(),
  lastTenthP95: z.number(),
  laggardPictures: z.array(z.number()),
});

interface Row extends z.output<typeof seenSchema> {
  readonly what: string;
  readonly viewers: number;
  readonly seconds: number;
  /** Resident memory of the server's Node process at the end, MiB. */
  readonly residentMb: number | undefined;
  readonly loopP99: number;
}

interface Crowd {
  readonly reading: number;
  readonly slow?: number;
  readonly stalled?: number;
}

async function measure(what: string, server: Serving, crowd: Crowd, seconds: number): Promise<Row> {
  const { reading, slow = 0, stalled = 0 } = crowd;
  await server.loopP99();
  const args = [server.port, reading, slow, stalled, seconds].map(String);
  const { stdout } = await execa(tsx, [join(import.meta.dirname, 'viewers.ts'), ...args]);
  const seen = seenSchema.parse(JSON.parse(stdout));
  const loopP99 = await server.loopP99();
  return { what, viewers: reading + slow + stalled, seconds, ...seen, residentMb: server.residentMb(), loopP99 };
}

/** A clip at the size that is worked at, so many frames a second: what a camera would give. */
async function makeSource(folder: string, rate: number): Promise<string> {
  const { ffmpeg } = await locateFfmpeg();
  const [clip = ''] = benchClips();
  const path = join(folder, `source-${rate}.mp4`);
  const filters = `scale=640:360,setpts=N/${rate}/TB,fps=${rate}`;
  const coding = ['-an', '-c:v', 'libx264', '-preset', 'veryfast', '-y', path];
  await execa(ffmpeg, ['-v', 'error', '-nostdin', '-i', clip, '-vf', filters, '-r', String(rate), ...coding]);
  return path;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    minutes: { type: 'string', default: '1' },
    viewers: { type: 'string', default: '50' },
  },
});
const seconds = Number(values.seconds);
const crowd = Number(values.viewers);
const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-bench-live-'));
const rows: Row[] = [];
try {
  const source = await makeSource(folder, 25);
  {
    await using server = await startServing([source, '--loop', '--size', size]);
    rows.push(await measure('one viewer', server, { reading: 1 }, seconds));
    const laggards = Math.floor(crowd / 10);
    const many = { reading: crowd - 2 * laggards, slow: laggards, stalled: laggards };
    rows.push(await measure('many, some of them slow', server, many, seconds));
  }
  const tooFast = await makeSource(folder, 240);
  await using server = await startServing([tooFast, '--loop', '--size', size]);
  rows.push(await measure('source too fast', server, { reading: 1 }, Number(values.minutes) * 60));
} finally {
  await rm(folder, { recursive: true, force: true });
}

const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, '../results/live.json');
await writeFile(written, `${JSON.stringify({ date: new Date().toISOString(), machine, rows }, undefined, 2)}\n`);
const round = (value: number | undefined, digits = 1) => Number((value ?? NaN).toFixed(digits));
console.table(
  rows.map((row) => ({
    what: row.what,
    viewers: row.viewers,
    fps: round(row.fps),
    'slowest fps': round(row.slowestFps),
    'delay p50 ms': round(row.delayP50),
    'p95 ms': round(row.delayP95),
    'p95 at first': round(row.firstTenthP95),
    'p95 at last': round(row.lastTenthP95),
    'loop p99 ms': round(row.loopP99),
    'node MiB': round(row.residentMb, 0),
  })),
);
console.log(`${machine.cores} cores of ${String(machine.processor)}, Node ${machine.node}; written to ${written}`);

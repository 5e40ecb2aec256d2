/**
 * How fast and how lean a translation is, beside what it can't do without (the model alone, decoding and encoding alone)
 * and beside the obvious program. All of a row is measured in one run, one after the other.
 *
 * Usage: npm run bench [-- CLIP...]   Prints a table and writes bench/results/latest.json.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, join, parse } from 'node:path';
import { z } from 'zod';

import { findModel, openSource, type TranslateSummary } from '../dist/index.js';
import { locateFfmpeg } from '../dist/video/ffmpeg/locate.js';
import { benchClips } from './clips.js';
import { measure } from './measure.js';

const peers = join(import.meta.dirname, 'peers');
const tsx = join(import.meta.dirname, '../node_modules/.bin/tsx');
/** Sizes a clip is measured at: the common one, and its own up to this. */
const ownSizeLimit = 960 * 540;

interface Row {
  readonly clip: string;
  readonly size: string;
  readonly sourceFps: number;
  readonly fps: number;
  readonly timesRealTime: number;
  readonly cpuMsPerFrame: number;
  readonly bareModelCpuMsPerFrame: number;
  readonly decodeEncodeCpuMsPerFrame: number;
  /** Processor time a frame over the sum of the two above; the goal is at most 1.05. */
  readonly overhead: number;
  readonly obviousLoopFps: number;
  /** Frame rate over the obvious loop's; the goal is at least 1.5. */
  readonly speedUp: number;
  readonly eventLoopP99Ms: number;
  readonly nodePeakMb: number;
  readonly treePeakMb: number;
  readonly stages: TranslateSummary['stages'];
}

const productSchema = z.looseObject({ fps: z.number(), framesOut: z.number(), eventLoopP99Ms: z.number() });
const bareSchema = z.object({ fps: z.number(), cpuSecondsPerFrame: z.number() });
const loopSchema = z.object({ frames: z.number(), fps: z.number() });

async function measureClip(clip: string, size: string, folder: string): Promise<Row> {
  const model = await findModel({ effect: 'day-to-night' });
  const { ffmpeg } = await locateFfmpeg();
  const source = await openSource(clip, { size });
  const { width, height, frameRate } = source.format;
  // Sound that MP4 can't hold is re-encoded by the product as well.
  const pcm = source.media.sideStreams.some((stream) => stream.codec.startsWith('pcm'));
  await source.close();
  const output = join(folder, 'out.mp4');

  const product = await measure(tsx, [join(peers, 'product.ts'), clip, output, size]);
  const summary = productSchema.parse(JSON.parse(product.stdout)) as unknown as TranslateSummary & {
    eventLoopP99Ms: number;
  };
  const frames = String(Math.min(200, summary.framesOut));
  const dimensions = [String(width), String(height)];
  const bare = bareSchema.parse(
    JSON.parse(
      (await measure(tsx, [join(peers, 'bare-session.ts'), model.directory, ...dimensions, frames, '1'])).stdout,
    ),
  );
  const codec = await measure(join(peers, 'decode-encode.sh'), [
    ...[ffmpeg, clip, output, ...dimensions, pcm ? 'aac' : 'copy'],
  ]);
  const loop = loopSchema.parse(
    JSON.parse(
      (await measure(tsx, [join(peers, 'single-threaded-loop.ts'), model.directory, clip, output, size])).stdout,
    ),
  );

  const perFrame = (seconds: number | undefined) => ((seconds ?? NaN) * 1000) / summary.framesOut;
  // Starting Node and loading the model is paid once, not a frame.
  const startUp = await measure(tsx, [join(peers, 'product.ts'), join(folder, 'one-frame.mp4'), output, size]);
  const cpuMsPerFrame = perFrame((product.cpuSeconds ?? NaN) - (startUp.cpuSeconds ?? NaN));
  const sourceFps = frameRate === undefined ? NaN : frameRate.numerator / frameRate.denominator;
  return {
    clip: basename(clip),
    size: `${width}x${height}`,
    sourceFps,
    fps: summary.fps,
    timesRealTime: summary.fps / sourceFps,
    cpuMsPerFrame,
    bareModelCpuMsPerFrame: bare.cpuSecondsPerFrame * 1000,
    decodeEncodeCpuMsPerFrame: perFrame(codec.cpuSeconds),
    overhead: cpuMsPerFrame / (bare.cpuSecondsPerFrame * 1000 + perFrame(codec.cpuSeconds)),
    obviousLoopFps: loop.fps,
    speedUp: summary.fps / loop.fps,
    eventLoopP99Ms: summary.eventLoopP99Ms,
    nodePeakMb: summary.peakRssMb,
    treePeakMb: product.peakTreeMb ?? NaN,
    stages: summary.stages,
  };
}

/** A one-frame cut of a clip, to tell starting from running. */
async function cutOneFrame(clip: string, folder: string): Promise<void> {
  const { ffmpeg } = await locateFfmpeg();
  const cut = ['-map', '0:v:0', '-frames:v', '1', '-c:v', 'libx264', '-y', join(folder, 'one-frame.mp4')];
  await measure(ffmpeg, ['-v', 'error', '-nostdin', '-i', clip, ...cut]);
}

/** The clip enlarged to high definition, since none of the driving clips is: what it costs to decode and encode is that of any. */
async function enlarge(clip: string, folder: string): Promise<string> {
  const { ffmpeg } = await locateFfmpeg();
  const enlarged = join(folder, `${parse(clip).name}-1280x720.mp4`);
  const encode = ['-vf', 'scale=1280:720', '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-c:a', 'copy'];
  await measure(ffmpeg, ['-v', 'error', '-nostdin', '-i', clip, ...encode, '-y', enlarged]);
  return enlarged;
}

async function sizesOf(clip: string): Promise<string[]> {
  const source = await openSource(clip);
  const { width, height } = source.format;
  await source.close();
  const own = width * height <= ownSizeLimit ? 'source' : '960x540';
  return width === 640 && height === 360 ? ['640x360'] : ['640x360', own];
}

const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-bench-'));
const rows: Row[] = [];
try {
  const named = process.argv.slice(2);
  const clips = named.length > 0 ? named : benchClips();
  const measured = await Promise.all(clips.map(async (clip) => ({ clip, sizes: await sizesOf(clip) })));
  if (named.length === 0) {
    measured.unshift({ clip: await enlarge(clips[0] ?? '', folder), sizes: ['source'] });
  }
  for (const { clip, sizes } of measured) {
    await cutOneFrame(clip, folder);
    for (const size of sizes) {
      rows.push(await measureClip(clip, size, folder));
      console.error(`${basename(clip)} at ${size}: done`);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, 'results/latest.json');
await writeFile(written, `${JSON.stringify({ date: new Date().toISOString(), machine, rows }, undefined, 2)}\n`);
const round = (value: number, digits = 1) => Number(value.toFixed(digits));
console.table(
  rows.map((row) => ({
    clip: row.clip,
    size: row.size,
    fps: round(row.fps),
    'x real time': round(row.timesRealTime, 2),
    'CPU ms/frame': round(row.cpuMsPerFrame),
    '(a) model': round(row.bareModelCpuMsPerFrame),
    '(b) codec': round(row.decodeEncodeCpuMsPerFrame),
    'CPU / (a+b)': round(row.overhead, 2),
    '(c) loop fps': round(row.obviousLoopFps),
    'x (c)': round(row.speedUp, 2),
    'loop p99 ms': round(row.eventLoopP99Ms),
    'node MiB': round(row.nodePeakMb, 0),
    'tree MiB': round(row.treePeakMb, 0),
  })),
);
console.log(`${machine.cores} cores of ${String(machine.processor)}, Node ${machine.node}; written to ${written}`);

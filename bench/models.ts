/**
 * Milliseconds a frame of every embedded network, in every precision, at the common sizes: one session of
 * the engine, the same picture again and again, what falls moving on.
 *
 * Usage: npm run bench:models [-- THREADS]   Prints a table and writes bench/results/models.json. THREADS is 2 by default.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';

import {
  createGenerator,
  listModels,
  loadModelPackage,
  type Frame,
  type ModelGraph,
  type ModelPackage,
} from '../dist/index.js';

const sizes = [
  [640, 360],
  [1280, 720],
  [1920, 1080],
] as const;
const warmUpFrames = 3;
const frames = 15;
const frameRate = 30;
const threads = Number(process.argv[2] ?? 2);

/** The median of the milliseconds that frames of this size take in one of a model's graphs. */
async function measure(model: ModelPackage, graph: ModelGraph, width: number, height: number): Promise<number> {
  const manifest = { ...model.manifest, graphs: [graph] };
  const options = { width, height, device: 'cpu', sessions: 1, threads } as const;
  await using generator = await createGenerator({ model: { ...model, manifest }, ...options });
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 7919) % 256);
  let frame: Frame = { index: 0, timestamp: 0, width, height, pixels };
  let into = new ArrayBuffer(pixels.length);
  const times: number[] = [];
  for (let index = 0; index < warmUpFrames + frames; index += 1) {
    const seconds = manifest.conditions.some(({ kind }) => kind === 'time') ? { time: index / frameRate } : {};
    const translation = await generator.translate(frame, into, seconds);
    times.push(translation.inferMilliseconds);
    frame = translation.source;
    into = translation.frame.pixels.buffer;
  }
  return times.slice(warmUpFrames).sort((a, b) => a - b)[frames >> 1] ?? NaN;
}

const rows: Record<string, string | number>[] = [];
for (const { id, directory, problem } of await listModels({ directory: join(import.meta.dirname, '../models') })) {
  if (problem !== undefined) {
    continue;
  }
  const model = await loadModelPackage(directory);
  for (const graph of model.manifest.graphs) {
    const { precision } = graph;
    const row: Record<string, string | number> = { model: id, precision };
    for (const [width, height] of sizes) {
      row[`${width}x${height}`] = Number((await measure(model, graph, width, height)).toFixed(1));
    }
    rows.push({ ...row, MB: Number((graph.bytes / 1e6).toFixed(2)) });
  }
}
const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, 'results/models.json');
const result = { date: new Date().toISOString(), machine, threads, millisecondsPerFrame: rows };
await writeFile(written, `${JSON.stringify(result, undefined, 2)}\n`);
console.table(rows);
console.log(`${threads} threads, ${String(machine.processor)}, Node ${machine.node}; written to ${written}`);

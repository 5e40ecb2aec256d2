/**
 * Milliseconds a frame of every embedded network, in every precision, at the common sizes: one session of
 * the engine, the same picture again and again, what falls moving on. A frame alone, which is how late it comes, and one of
 * many in flight, which is how many come a second.
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
const framesAlone = 15;
const framesOfMany = 30;
const frameRate = 30;
const threads = Number(process.argv[2] ?? 2);

/** Milliseconds of one of a model's graphs at a size. */
interface Times {
  /** From a frame given to an idle network until it is back; the median. */
  readonly alone: number;
  /** From one frame that comes back to the next, with as many in flight as the engine has; the mean. */
  readonly ofMany: number;
}

async function measure(model: ModelPackage, graph: ModelGraph, width: number, height: number): Promise<Times> {
  const manifest = { ...model.manifest, graphs: [graph] };
  const options = { width, height, device: 'cpu', sessions: 1, threads } as const;
  await using generator = await createGenerator({ model: { ...model, manifest }, ...options });
  const falls = manifest.conditions.some(({ kind }) => kind === 'time');
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 7919) % 256);
  let given = 0;

  /** Gives frames one after the other, until so many were given in all; returns what each took. */
  async function give(until: number): Promise<number[]> {
    let frame: Frame = { index: 0, timestamp: 0, width, height, pixels: pixels.slice() };
    let into = new ArrayBuffer(pixels.length);
    const times: number[] = [];
    while (given < until) {
      given += 1;
      const began = performance.now();
      const translation = await generator.translate(frame, into, falls ? { time: given / frameRate } : {});
      times.push(performance.now() - began);
      frame = translation.source;
      into = translation.frame.pixels.buffer;
    }
    return times;
  }

  await give(warmUpFrames);
  const alone = (await give(given + framesAlone)).sort((a, b) => a - b)[framesAlone >> 1] ?? NaN;
  const began = performance.now();
  const until = given + framesOfMany;
  await Promise.all(Array.from({ length: generator.capacity }, () => give(until)));
  return { alone, ofMany: (performance.now() - began) / framesOfMany };
}

const results: { model: string; precision: string; megabytes: number; milliseconds: Record<string, Times> }[] = [];
for (const { id, directory, problem } of await listModels({ directory: join(import.meta.dirname, '../models') })) {
  if (problem !== undefined) {
    continue;
  }
  const model = await loadModelPackage(directory);
  for (const graph of model.manifest.graphs) {
    const milliseconds: Record<string, Times> = {};
    for (const [width, height] of sizes) {
      milliseconds[`${width}x${height}`] = await measure(model, graph, width, height);
    }
    results.push({ model: id, precision: graph.precision, megabytes: graph.bytes / 1e6, milliseconds });
  }
}
const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, 'results/models.json');
const result = { date: new Date().toISOString(), machine, threads, results };
await writeFile(written, `${JSON.stringify(result, undefined, 2)}\n`);
console.table(
  results.map(({ model, precision, megabytes, milliseconds }) => ({
    model,
    precision,
    ...Object.fromEntries(
      Object.entries(milliseconds).map(([size, times]) => [
        size,
        `${times.alone.toFixed(1)} / ${times.ofMany.toFixed(1)}`,
      ]),
    ),
    MB: megabytes.toFixed(2),
  })),
);
console.log(`Milliseconds a frame, alone / of many in flight, ${threads} threads, ${String(machine.processor)},`);
console.log(`Node ${machine.node}; written to ${written}`);

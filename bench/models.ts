/**
 * Milliseconds a frame of every embedded network, in every precision, at the common sizes: one session of
 * onnxruntime-node, its size fixed at load, the same picture again and again, what falls moving on.
 *
 * Usage: npm run bench:models [-- THREADS]   Prints a table and writes bench/results/models.json. THREADS is 2 by default.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor } from 'onnxruntime-node';

import { listModels } from '../dist/index.js';
import { loadModelPackage, type ModelPackage } from '../dist/generator/model-package.js';

const sizes = [
  [640, 360],
  [1280, 720],
  [1920, 1080],
] as const;
const warmUpFrames = 3;
const frames = 15;
const frameRate = 30;
const threads = Number(process.argv[2] ?? 2);

/** The median of the milliseconds that frames of this size take. */
async function measure(model: ModelPackage, file: string, width: number, height: number): Promise<number> {
  const { manifest, directory } = model;
  const session = await InferenceSession.create(join(directory, file), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    freeDimensionOverrides: { width, height },
  });
  const dims = [1, height, width, 3];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 7919) % 256);
  const frame = new Tensor('uint8', pixels, dims);
  const translated = new Tensor('uint8', new Uint8Array(pixels.length), dims);
  const times: number[] = [];
  for (let index = 0; index < warmUpFrames + frames; index += 1) {
    const conditions = manifest.conditions.map(({ kind, input, default: value }): [string, Tensor] => [
      input,
      new Tensor('float32', [kind === 'time' ? index / frameRate : value], [1]),
    ]);
    const feeds = { [manifest.input.name]: frame, ...Object.fromEntries(conditions) };
    const start = performance.now();
    await session.run(feeds, { [manifest.output.name]: translated });
    times.push(performance.now() - start);
  }
  await session.release();
  return times.slice(warmUpFrames).sort((a, b) => a - b)[frames >> 1] ?? NaN;
}

const rows: Record<string, string | number>[] = [];
for (const { id, directory, problem } of await listModels({ directory: join(import.meta.dirname, '../models') })) {
  if (problem !== undefined) {
    continue;
  }
  const model = await loadModelPackage(directory);
  for (const { precision, file, bytes } of model.manifest.graphs) {
    const row: Record<string, string | number> = { model: id, precision };
    for (const [width, height] of sizes) {
      row[`${width}x${height}`] = Number((await measure(model, file, width, height)).toFixed(1));
    }
    rows.push({ ...row, MB: Number((bytes / 1e6).toFixed(2)) });
  }
}
const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
const written = join(import.meta.dirname, 'results/models.json');
const result = { date: new Date().toISOString(), machine, threads, millisecondsPerFrame: rows };
await writeFile(written, `${JSON.stringify(result, undefined, 2)}\n`);
console.table(rows);
console.log(`${threads} threads, ${String(machine.processor)}, Node ${machine.node}; written to ${written}`);

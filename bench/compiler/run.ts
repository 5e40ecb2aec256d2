/**
 * What compiling a CycleGAN-Turbo at full size costs, whether the graph draws what the reference draws, and how fast and
 * lean it runs beside PyTorch (eager, fp32, the same threads, in the same run).
 *
 * Usage: npm run bench:compiler -- --base DIR --checkpoint FILE [--direction a2b|b2a] [--prompt TEXT] [--python FILE]
 *          [--threads N] [--repeat N] [--sizes 256x256,512x512] [--scratch DIR]
 *
 * `test/oracle/make-full-size.py` makes a base and a checkpoint of the published names and shapes. --python is one with the
 * packages of test/oracle/requirements.txt; without it the reference is left out, and the parity with it.
 * Prints a table and writes bench/results/compiler.json. Needs 7 GB in the scratch folder.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { execa } from 'execa';
import sharp from 'sharp';
import { z } from 'zod';

const root = join(import.meta.dirname, '../..');
const tsx = join(root, 'node_modules/.bin/tsx');
const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    checkpoint: { type: 'string' },
    direction: { type: 'string', default: 'a2b' },
    prompt: { type: 'string', default: 'driving in the night' },
    python: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    repeat: { type: 'string', default: '3' },
    sizes: { type: 'string', default: '256x256,512x512' },
    scratch: { type: 'string', default: tmpdir() },
  },
});
const { base, checkpoint, direction, prompt, python, threads, repeat } = options;
const sizes = options.sizes.split(',');
if (base === undefined || checkpoint === undefined) {
  throw new Error('Name --base and --checkpoint (test/oracle/make-full-size.py makes them).');
}

const compiledSchema = z.object({
  promptSeconds: z.number(),
  promptPeakMb: z.number(),
  seconds: z.number(),
  peakMb: z.number(),
  bytes: z.number(),
  nodes: z.number(),
  multiplications: z.record(z.string(), z.number()),
});
const runSchema = z.object({
  loadSeconds: z.number(),
  loadPeakMb: z.number(),
  milliseconds: z.array(z.number()),
  peakMb: z.number(),
  largestDifference: z.number().nullable(),
  meanDifference: z.number().nullable(),
  saturatedShare: z.number(),
});
const referenceForm = z.record(z.string(), z.object({ milliseconds: z.array(z.number()), peakMb: z.number() }));
const referenceSchema = z.object({
  torch: z.string(),
  'adapters beside': referenceForm,
  'adapters merged': referenceForm,
});

/** A picture with gradients, edges and texture, the same in every run. */
async function writeFrame(folder: string, size: string): Promise<void> {
  const [width = 0, height = 0] = size.split('x').map(Number);
  const scene = join(root, 'test/fixtures/canny/road.png');
  const frame = await sharp(scene).resize(width, height, { fit: 'fill' }).removeAlpha().raw().toBuffer();
  await writeFile(join(folder, `${size}.rgb`), frame);
}

async function compile(floatType: string, folder: string) {
  const program = join(import.meta.dirname, 'peers/compile.ts');
  const { stdout } = await execa(tsx, [program, base ?? '', checkpoint ?? '', direction, prompt, floatType, folder]);
  return compiledSchema.parse(JSON.parse(stdout));
}

async function runOnnx(folder: string, size: string) {
  const program = join(import.meta.dirname, 'peers/run-onnx.ts');
  const { stdout } = await execa(tsx, [program, join(folder, 'model.onnx'), size, scratch, threads, repeat]);
  return runSchema.parse(JSON.parse(stdout));
}

async function runReference(embedding: string) {
  if (python === undefined) {
    return undefined;
  }
  const program = join(root, 'test/oracle/run-full-size.py');
  const named = { base, checkpoint, embedding, direction, frames: scratch, threads, repeat };
  const flags = Object.entries(named).flatMap(([name, value]) => [`--${name}`, value ?? '']);
  const { stdout } = await execa(python, [program, ...flags, '--sizes', ...sizes]);
  return referenceSchema.parse(JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)));
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
const round = (value: number | undefined, digits = 0) => (value === undefined ? '' : Number(value.toFixed(digits)));

const scratch = await mkdtemp(join(options.scratch, 'vid2vid-turbo-bench-compiler-'));
try {
  const folders = { float32: join(scratch, 'fp32'), float16: join(scratch, 'fp16') };
  for (const size of sizes) {
    await writeFrame(scratch, size);
  }
  const compiled = {
    float32: await compile('float32', folders.float32),
    float16: await compile('float16', folders.float16),
  };
  console.table(
    Object.entries(compiled).map(([type, cost]) => ({
      type,
      'seconds in all': round(cost.seconds, 1),
      'of them prompt': round(cost.promptSeconds, 1),
      'peak MiB': round(cost.peakMb),
      'after prompt MiB': round(cost.promptPeakMb),
      'file MB': round(cost.bytes / 1e6),
      nodes: cost.nodes,
    })),
  );
  const parts = Object.entries(compiled.float32.multiplications);
  console.table(parts.map(([part, count]) => ({ part, 'GMAC at 512x512': round(count / 1e9, 1) })));
  const reference = await runReference(join(folders.float32, 'prompt.f32'));
  const rows = [];
  for (const size of sizes) {
    rows.push({ size, onnx: await runOnnx(folders.float32, size) });
  }
  console.table(
    rows.map(({ size, onnx }) => {
      const [beside, merged] = [reference?.['adapters beside'][size], reference?.['adapters merged'][size]];
      const milliseconds = median(onnx.milliseconds);
      return {
        size,
        'ONNX ms': round(milliseconds),
        'PyTorch ms': beside && round(median(beside.milliseconds)),
        'merged ms': merged && round(median(merged.milliseconds)),
        'x PyTorch': beside && round(milliseconds / median(beside.milliseconds), 2),
        'x merged': merged && round(milliseconds / median(merged.milliseconds), 2),
        'ONNX MiB': round(onnx.peakMb),
        'while loading': round(onnx.loadPeakMb),
        'PyTorch MiB': beside && round(beside.peakMb),
        'merged MiB': merged && round(merged.peakMb),
        'largest difference': onnx.largestDifference,
      };
    }),
  );
  const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version, threads };
  const written = join(root, 'bench/results/compiler.json');
  const report = { date: new Date().toISOString(), machine, compiled, reference, rows };
  await writeFile(written, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`${machine.cores} cores of ${String(machine.processor)}; written to ${written}`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}

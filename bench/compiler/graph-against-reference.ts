import { appendFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { z } from 'zod';

import { type Model, packageOf, type Precision, type Settings } from './compile-package.js';

const form = z.record(z.string(), z.object({ milliseconds: z.array(z.number()), peakMb: z.number() }));
const referenceSchema = z.object({
  torch: z.string(),
  'adapters beside': form,
  'adapters merged': form.optional(),
});
const graphSchema = z.object({
  loadSeconds: z.number(),
  loadPeakMb: z.number(),
  milliseconds: z.array(z.number()),
  peakMb: z.number(),
  largestDifference: z.number(),
  meanDifference: z.number(),
  largestLevels: z.number(),
  meanLevels: z.number(),
  unusable: z.number(),
  saturatedShare: z.number(),
});

/** One size, run by PyTorch and then by onnxruntime. */
export interface Measured {
  readonly size: string;
  readonly precision: Precision;
  readonly onnx: z.infer<typeof graphSchema>;
  readonly torch: string;
  /** Where the adapters are beside their layers, as the authors run them, and where they are merged into them. */
  readonly beside: Timing;
  readonly merged?: Timing | undefined;
}

interface Timing {
  readonly milliseconds: readonly number[];
  readonly peakMb: number;
}

const root = join(import.meta.dirname, '../..');

export async function graphAgainstReference(
  settings: Settings,
  name: string,
  model: Model,
  precision: Precision,
  size: string,
): Promise<Measured> {
  const frames = join(settings.folder, 'frames');
  const { threads, repeat } = settings;
  const reference = await runReference(settings, model, frames, size);
  const graph = await withPictureOutput(packageOf(settings.folder, name, precision), precision);
  const program = join(import.meta.dirname, 'peers/run-onnx.ts');
  const onnx = await execa(join(root, 'node_modules/.bin/tsx'), [
    program,
    graph,
    size,
    model.input,
    frames,
    threads,
    repeat,
  ]);
  const beside = reference['adapters beside'][size];
  if (beside === undefined) {
    throw new Error(`The reference did not run at ${size}.`);
  }
  return {
    ...{ size, precision },
    onnx: graphSchema.parse(JSON.parse(onnx.stdout)),
    torch: reference.torch,
    beside,
    merged: reference['adapters merged']?.[size],
  };
}

async function runReference(
  { folder, python, threads, repeat }: Settings,
  { checkpoint, prompt, direction, input }: Model,
  frames: string,
  size: string,
) {
  const named = {
    base: join(folder, 'base'),
    checkpoint: join(folder, checkpoint),
    prompt,
    input,
    frames,
    threads,
    repeat,
  };
  const flags = Object.entries({ ...named, ...(direction && { direction }) }).flatMap(([flag, value]) => [
    `--${flag}`,
    value,
  ]);
  const { stdout } = await execa(python, [join(root, 'test/oracle/run-full-size.py'), ...flags, '--sizes', size]);
  return referenceSchema.parse(JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)));
}

/**
 * A copy of a package's graph that also gives the picture before it is rounded to 256 levels, which `Clip` clamps to -1 to 1:
 * in protobuf's format, a field that is met again is joined to the one before, so that an output can be added at the end.
 */
async function withPictureOutput(folder: string, precision: Precision): Promise<string> {
  const file = join(folder, precision === 'fp16' ? 'model.fp16.onnx' : 'model.onnx');
  const copy = `${file}.with-picture`;
  await copyFile(file, copy);
  const name = Buffer.from('Clip:out');
  // ModelProto.graph (7) { GraphProto.output (12) { ValueInfoProto.name (1) } }
  const field = (number: number, content: Uint8Array) =>
    Buffer.concat([Buffer.of((number << 3) | 2, content.length), content]);
  await appendFile(copy, field(7, field(12, field(1, name))));
  return copy;
}

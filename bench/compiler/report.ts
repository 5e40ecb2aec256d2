import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Compiled } from './compile-package.js';
import type { Measured } from './graph-against-reference.js';

type Found = Readonly<Record<string, Compiled | Measured>>;

const written = join(import.meta.dirname, '../results/compiler.json');

/** Prints the tables of all that was found, says what wasn't measured, and writes it all. */
export async function report(figures: Found, pieces: readonly string[], machine: object): Promise<void> {
  const compiled = Object.entries(figures).flatMap(([name, found]) =>
    'seconds' in found ? [[name, found] as const] : [],
  );
  const measured = Object.entries(figures).flatMap(([name, found]) =>
    'onnx' in found ? [[name, found] as const] : [],
  );
  console.table(
    compiled.map(([name, { seconds, peakMb, fileBytes }]) => ({
      package: name.replace(': compiled', ''),
      'seconds to compile': round(seconds, 1),
      'peak MiB': round(peakMb),
      'file MB': round(fileBytes / 1e6),
    })),
  );
  console.table(
    compiled.map(([name, { multiplications }]) => ({
      'GMAC at 512x512': name.replace(': compiled', ''),
      ...Object.fromEntries(Object.entries(multiplications).map(([part, count]) => [part, round(count / 1e9, 1)])),
    })),
  );
  console.table(
    measured.map(([name, { onnx, beside, merged }]) => ({
      run: name,
      'ONNX ms': round(median(onnx.milliseconds)),
      'PyTorch ms': round(median(beside.milliseconds)),
      'merged ms': merged && round(median(merged.milliseconds)),
      'x PyTorch': round(median(onnx.milliseconds) / median(beside.milliseconds), 2),
      'x merged': merged && round(median(onnx.milliseconds) / median(merged.milliseconds), 2),
      'ONNX MiB': round(onnx.peakMb),
      'loading MiB': round(onnx.loadPeakMb),
      'PyTorch MiB': round(beside.peakMb),
      'x MiB': round(onnx.peakMb / beside.peakMb, 2),
    })),
  );
  console.table(
    measured.map(([name, { onnx }]) => ({
      run: name,
      'largest of the range': onnx.largestDifference.toExponential(1),
      'mean of the range': onnx.meanDifference.toExponential(1),
      'largest of 256 levels': onnx.largestLevels,
      'mean of 256 levels': round(onnx.meanLevels, 3),
      'not finite': onnx.unusable,
      'share clamped': round(onnx.saturatedShare, 3),
    })),
  );
  for (const name of pieces.filter((piece) => figures[piece] === undefined)) {
    console.log(`Not measured: ${name}`);
  }
  await mkdir(join(written, '..'), { recursive: true });
  await writeFile(written, `${JSON.stringify({ date: new Date().toISOString(), machine, figures }, undefined, 2)}\n`);
  console.log(`written to ${written}`);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

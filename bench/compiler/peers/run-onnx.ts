/**
 * Runs a compiled graph on the CPU, and says how long a frame takes and how much memory.
 *
 * Usage: tsx bench/compiler/peers/run-onnx.ts MODEL_FILE SIZE FRAMES_FOLDER THREADS REPEAT
 *
 * FRAMES_FOLDER holds SIZE.rgb, the frame, and SIZE.reference.f32, the reference's translation of it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onnxruntime-node';

const [model = '', size = '', frames = '', threads = '', repeat = ''] = process.argv.slice(2);
const [width = 0, height = 0] = size.split('x').map(Number);

function peakMb(): number {
  return Number(/VmHWM:\s+(\d+)/u.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}

const started = performance.now();
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
  freeDimensionOverrides: { width, height },
  logSeverityLevel: 3,
});
const loadSeconds = (performance.now() - started) / 1000;
const loadPeakMb = peakMb();
await writeFile('/proc/self/clear_refs', '5');

const frame = new Tensor('uint8', new Uint8Array(await readFile(path.join(frames, `${size}.rgb`))), [
  1,
  height,
  width,
  3,
]);
const milliseconds: number[] = [];
let picture: Float32Array | undefined;
for (let run = 0; run <= Number(repeat); run += 1) {
  const start = performance.now();
  const results = await session.run({ frame });
  milliseconds.push(performance.now() - start);
  const found = results.picture?.data;
  picture = found instanceof Float32Array ? found : undefined;
}
const bytes = await readFile(path.join(frames, `${size}.reference.f32`));
const reference = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
let [largest, sum, saturated] = [0, 0, 0];
reference.forEach((expected, i) => {
  const difference = Math.abs(expected - (picture?.[i] ?? NaN));
  largest = Number.isNaN(difference) ? NaN : Math.max(largest, difference);
  sum += difference;
  saturated += Math.abs(expected) === 1 ? 1 : 0;
});
console.log(
  JSON.stringify({
    loadSeconds,
    loadPeakMb,
    // The first run allocates what the others use again.
    milliseconds: milliseconds.slice(1),
    peakMb: peakMb(),
    // Of the output's range, which is 2.
    largestDifference: picture === undefined ? null : largest / 2,
    meanDifference: picture === undefined ? null : sum / reference.length / 2,
    saturatedShare: saturated / reference.length,
  }),
);

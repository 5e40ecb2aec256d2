/**
 * Runs a compiled graph on the CPU, with the engine's own options, and says how long a frame takes, how much memory, and how
 * far the picture is from the reference's.
 *
 * Usage: tsx bench/compiler/peers/run-onnx.ts MODEL_FILE SIZE INPUT FRAMES_FOLDER THREADS REPEAT
 *
 * FRAMES_FOLDER holds SIZE.rgb, the frame, and SIZE.INPUT.f32, the reference's translation of it. The graph has the output
 * `Clip:out`, the picture before it is rounded.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onnxruntime-node';

import { fixDimensions } from '../../../dist/generator/fix-dimensions.js';

const [model = '', size = '', input = '', frames = '', threads = '', repeat = ''] = process.argv.slice(2);
const [width = 0, height = 0] = size.split('x').map(Number);

function peakMb(): number {
  return Number(/VmHWM:\s+(\d+)/u.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}

/** Half precision comes as whole numbers of 16 bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function numbersOf(tensor: Tensor | undefined): Float32Array {
  const data = tensor?.data;
  if (data instanceof Float32Array) {
    return data;
  }
  if (tensor?.type !== 'float16' || !(data instanceof Uint16Array || ArrayBuffer.isView(data))) {
    throw new Error('The graph has no picture.');
  }
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return Float32Array.from(bits, halfToNumber);
}

const started = performance.now();
const session = await InferenceSession.create(fixDimensions(await readFile(model), { width, height }), {
  executionProviders: ['cpu'],
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  enableMemPattern: false,
  extra: {
    session: { intra_op: { allow_spinning: '0' }, model_external_initializers_file_folder_path: path.dirname(model) },
  },
  logSeverityLevel: 3,
});
const loadSeconds = (performance.now() - started) / 1000;
const loadPeakMb = peakMb();
await writeFile('/proc/self/clear_refs', '5');

const pixels = new Uint8Array(await readFile(path.join(frames, `${size}.rgb`)));
const number = (value: number) => new Tensor('float32', Float32Array.of(value), [1]);
const feeds: Record<string, Tensor> = {
  frame: new Tensor('uint8', pixels, [1, height, width, 3]),
  ...(session.inputNames.includes('guidance') ? { guidance: number(0.4), seed: number(0) } : {}),
};
const milliseconds: number[] = [];
let results: Readonly<Record<string, Tensor>> = {};
for (let run = 0; run <= Number(repeat); run += 1) {
  const start = performance.now();
  results = await session.run(feeds);
  milliseconds.push(performance.now() - start);
}
const peak = peakMb();

const picture = numbersOf(results['Clip:out']);
const levels = results.translated?.data as Uint8Array;
const bytes = await readFile(path.join(frames, `${size}.${input}.f32`));
const reference = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const plane = width * height;
const found = { largest: 0, sum: 0, largestLevels: 0, sumLevels: 0, unusable: 0, saturated: 0 };
reference.forEach((expected, i) => {
  const value = picture[i] ?? NaN;
  const difference = Math.abs(expected - value);
  const level = levels[(i % plane) * 3 + Math.floor(i / plane)] ?? NaN;
  const levelDifference = Math.abs(Math.round((expected + 1) * 127.5) - level);
  found.largest = Math.max(found.largest, difference);
  found.sum += difference;
  found.largestLevels = Math.max(found.largestLevels, levelDifference);
  found.sumLevels += levelDifference;
  found.unusable += Number.isFinite(value) ? 0 : 1;
  found.saturated += Math.abs(expected) === 1 ? 1 : 0;
});
console.log(
  JSON.stringify({
    ...{ loadSeconds, loadPeakMb },
    // The first run allocates what the others use again.
    milliseconds: milliseconds.slice(1),
    peakMb: peak,
    // Of the output's range, which is 2.
    largestDifference: found.largest / 2,
    meanDifference: found.sum / reference.length / 2,
    // Of 256.
    largestLevels: found.largestLevels,
    meanLevels: found.sumLevels / reference.length,
    unusable: found.unusable,
    saturatedShare: found.saturated / reference.length,
  }),
);

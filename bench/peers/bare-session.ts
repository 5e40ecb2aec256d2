/**
 * The model alone: one session of onnxruntime-node in a loop on the main thread, its size fixed, the same picture again
 * and again, no video. What any program around this model has to pay at least.
 *
 * Usage: tsx bench/peers/bare-session.ts MODEL_FOLDER WIDTH HEIGHT FRAMES THREADS
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fixDimensions } from '../../dist/generator/fix-dimensions.js';
import { chooseGraph, loadModelPackage } from '../../dist/generator/model-package.js';
import { withMemory } from './with-memory.js';

const [folder = '', width = '', height = '', frames = '', threads = ''] = process.argv.slice(2);
const model = await loadModelPackage(folder);
const graph = await readFile(join(folder, chooseGraph(model.manifest, 'cpu').file));
const size = { width: Number(width), height: Number(height) };
const session = await InferenceSession.create(fixDimensions(graph, size), {
  executionProviders: ['cpu'],
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
});
const dims = [1, Number(height), Number(width), 3];
const bytes = Uint8Array.from({ length: Number(width) * Number(height) * 3 }, (_, index) => (index * 7919) % 256);
const feeds = {
  [model.manifest.input.name]: new Tensor('uint8', bytes, dims),
  ...Object.fromEntries(
    model.manifest.conditions.map(({ input, default: value }) => [input, new Tensor('float32', [value], [1])]),
  ),
};
const fetches = { [model.manifest.output.name]: new Tensor('uint8', new Uint8Array(bytes.length), dims) };
const run = withMemory(session, model.manifest.states);
// Twice: the second run is the first that is given what another has left.
await run(feeds, fetches);
await run(feeds, fetches);
const cpu = process.cpuUsage();
const start = performance.now();
for (let frame = 0; frame < Number(frames); frame += 1) {
  await run(feeds, fetches);
}
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(
  JSON.stringify({ fps: Number(frames) / seconds, cpuSecondsPerFrame: (user + system) / 1e6 / Number(frames) }),
);

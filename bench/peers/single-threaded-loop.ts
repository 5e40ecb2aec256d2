/**
 * The obvious program: read a frame, await the network on the main thread, write it, take the next. The same ffmpeg,
 * the same options, the same model with all cores; no workers, nothing overlaps.
 *
 * Usage: tsx bench/peers/single-threaded-loop.ts MODEL_FOLDER INPUT OUTPUT SIZE
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { join } from 'node:path';

import { openSink, openSource } from '../../dist/index.js';
import { chooseGraph, loadModelPackage } from '../../dist/generator/model-package.js';
import { withMemory } from './with-memory.js';

const [folder = '', input = '', output = '', size = ''] = process.argv.slice(2);
const model = await loadModelPackage(folder);
const source = await openSource(input, { size, sizeMultiple: model.manifest.input.sizeMultiple });
const { width, height } = source.format;
const session = await InferenceSession.create(join(folder, chooseGraph(model.manifest, 'cpu').file), {
  executionProviders: ['cpu'],
});
const sink = await openSink(output, source, { overwrite: true });
const conditions = Object.fromEntries(
  model.manifest.conditions.map(({ input: name, default: value }) => [name, new Tensor('float32', [value], [1])]),
);
const run = withMemory(session, model.manifest.states);
const dims = [1, height, width, 3];
const start = performance.now();
let frames = 0;
for (let frame = await source.read(); frame !== undefined; frame = await source.read()) {
  const feeds = { [model.manifest.input.name]: new Tensor('uint8', frame.pixels, dims), ...conditions };
  const results = await run(feeds, { [model.manifest.output.name]: null });
  const pixels = results[model.manifest.output.name]?.data as Uint8Array<ArrayBuffer>;
  await sink.write({ ...frame, pixels });
  source.pool.release(frame.pixels.buffer);
  frames += 1;
}
await sink.finish();
const seconds = (performance.now() - start) / 1000;
await source.close();
console.log(JSON.stringify({ frames, fps: frames / seconds }));

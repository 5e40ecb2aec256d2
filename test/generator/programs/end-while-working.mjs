// Begins to translate four frames, then ends in the way that the first argument names, while the network runs.
/* global AbortController, setImmediate, setTimeout */
import { createGenerator } from '../../../dist/generator/generator.js';
import { loadModelPackage } from '../../../dist/generator/model-package.js';

const [how, device = 'cpu', ...tensors] = process.argv.slice(2);
const inStages = tensors.length > 0;
// Some hundred milliseconds a frame; a GPU that is imitated on the CPU is that much slower.
const side = device === 'cpu' ? 128 : 16;
const size = { width: side, height: side };
const bytes = size.width * size.height * 3;
const controller = new AbortController();
const model = await loadModelPackage(new URL('../../fixtures/models/slow', import.meta.url).pathname);
// Several workers either way: two sessions, or one in stages.
const sessions = device === 'cpu' && !inStages ? 2 : 1;
model.manifest.graphs[0].splitAt = inStages ? tensors.map((tensor) => [tensor]) : undefined;
const threads = inStages ? 2 : undefined;

if (how === 'abort-at-start') {
  setTimeout(() => controller.abort(), 1);
}
try {
  const generator = await createGenerator({ model, ...size, device, sessions, threads, signal: controller.signal });
  const frames = [0, 1, 2, 3].map((index) => ({ index, ...size, timestamp: index, pixels: new Uint8Array(bytes) }));
  const answers = frames.map((frame) =>
    generator.translate(frame, new ArrayBuffer(bytes)).then(
      () => 'done',
      (error) => error.code,
    ),
  );
  if (how === 'forget') {
    console.log((await Promise.all(answers)).join(' '));
  } else {
    await answers[0];
    if (how === 'exit') {
      process.exit(7);
    } else if (how === 'throw') {
      setImmediate(() => {
        throw new Error('a mistake elsewhere');
      });
    } else if (how === 'abort') {
      controller.abort();
    } else {
      await Promise.all([generator.close(), generator.close()]);
    }
    console.log((await Promise.all(answers)).join(' '));
    await generator.translate(frames[0], new ArrayBuffer(bytes)).catch((error) => console.log(error.code));
  }
} catch (error) {
  console.log(error.code);
}

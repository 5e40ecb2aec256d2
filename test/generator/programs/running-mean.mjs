// Translates frames with a model that remembers, on the device of the first argument; prints what each became.
import { createGenerator } from '../../../dist/generator/generator.js';
import { loadModelPackage } from '../../../dist/generator/model-package.js';

const [device] = process.argv.slice(2);
const size = { width: 64, height: 48 };
const bytes = size.width * size.height * 3;
const model = await loadModelPackage(new URL('../../fixtures/models/running-mean', import.meta.url).pathname);
const generator = await createGenerator({ model, ...size, device });
const drawn = [];
for (const [index, grey] of [40, 60, 20, 'reset', 100, 50].entries()) {
  if (grey === 'reset') {
    generator.reset();
    continue;
  }
  const frame = { index, ...size, timestamp: index, pixels: new Uint8Array(bytes).fill(grey) };
  const { frame: translated } = await generator.translate(frame, new ArrayBuffer(bytes));
  drawn.push(...new Set(translated.pixels));
}
const { provider } = generator;
await generator.close();
console.log(JSON.stringify({ provider, drawn }));

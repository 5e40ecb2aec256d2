// Translates two frames on the device of the first argument and prints the result's SHA-256, then how it was drawn.
import { createHash } from 'node:crypto';

import { createGenerator } from '../../../dist/generator/generator.js';
import { listProviders } from '../../../dist/generator/list-providers.js';
import { loadModelPackage } from '../../../dist/generator/model-package.js';

const [device] = process.argv.slice(2);
const size = { width: 320, height: 180 };
const pixels = (index) => Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => (i * 7 + index) & 255);
const model = await loadModelPackage(new URL('../../fixtures/models/invert', import.meta.url).pathname);
const generator = await createGenerator({ model, ...size, device, onNotice: (notice) => console.error(notice) });
const hash = createHash('sha256');
for (const [index, strength] of [1, 0.3].entries()) {
  const frame = { index, ...size, timestamp: index, pixels: pixels(index) };
  const { frame: translated } = await generator.translate(frame, new ArrayBuffer(frame.pixels.length), { strength });
  hash.update(translated.pixels);
}
const { provider, sessions } = generator;
await generator.close();
const listing = (await listProviders()).find(({ name }) => name === provider);
console.log(JSON.stringify({ sha256: hash.digest('hex'), provider, sessions, listing }));

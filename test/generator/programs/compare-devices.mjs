// Translates a picture with the embedded model on the CPU and on WebGPU; prints how far the two results are apart.
import { findModel } from '../../../dist/catalogue/find-model.js';
import { createGenerator } from '../../../dist/generator/generator.js';

const size = { width: 96, height: 64 };
const bytes = size.width * size.height * 3;
const picture = () => Uint8Array.from({ length: bytes }, (_, i) => (i % 288) * 0.6 + Math.floor(i / 288));
// One graph for both: each device would choose its own precision.
const { directory, manifest } = await findModel();
const graph = manifest.graphs.find(({ precision }) => precision === 'fp32') ?? manifest.graphs[0];
const model = { directory, manifest: { ...manifest, graphs: [graph] } };

async function translateOn(device) {
  const generator = await createGenerator({ model, ...size, device, sessions: 1 });
  const { frame } = await generator.translate(
    { index: 0, ...size, timestamp: 0, pixels: picture() },
    new ArrayBuffer(bytes),
  );
  await generator.close();
  return frame.pixels;
}

const [cpu, gpu, original] = [await translateOn('cpu'), await translateOn('webgpu'), picture()];
const differences = cpu.map((value, i) => Math.abs(value - gpu[i]));
console.log(
  JSON.stringify({
    greatest: Math.max(...differences),
    share: differences.filter((difference) => difference > 0).length / bytes,
    changed: cpu.filter((value, i) => value !== original[i]).length / bytes,
  }),
);

/**
 * Compiles a CycleGAN-Turbo once and says what it took. The graph gives, beside the frame, the picture before it is rounded
 * to 256 levels, for the comparison with the reference.
 *
 * Usage: tsx bench/compiler/peers/compile.ts BASE CHECKPOINT DIRECTION PROMPT FLOAT_TYPE OUTPUT_FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { openBaseModel } from '../../../dist/compiler/checkpoint/turbo/base-model.js';
import { openTurboCheckpoint } from '../../../dist/compiler/checkpoint/turbo/open-turbo-checkpoint.js';
import { countMultiplications } from '../../../dist/compiler/multiplications.js';
import { sdTurboAutoencoder } from '../../../dist/compiler/networks/autoencoder-kl.js';
import { cycleGanTurbo } from '../../../dist/compiler/networks/cyclegan-turbo.js';
import { sdTurboScheduler } from '../../../dist/compiler/networks/ddpm-scheduler.js';
import { encodePromptWithBase } from '../../../dist/compiler/networks/encode-prompt.js';
import { frameInput, frameOutput } from '../../../dist/compiler/networks/picture.js';
import { sdTurboUNet } from '../../../dist/compiler/networks/unet-2d-condition.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';

const [folder = '', checkpoint = '', way = '', prompt = '', float = '', output = ''] = process.argv.slice(2);
const direction = way === 'b2a' ? 'b2a' : 'a2b';
const floatType = float === 'float16' ? 'float16' : 'float32';
const start = performance.now();
await mkdir(output, { recursive: true });

const text = await encodePromptWithBase(folder, prompt);
const promptSeconds = (performance.now() - start) / 1000;
await writeFile(path.join(output, 'prompt.f32'), await text.read());
const promptPeakMb = process.resourceUsage().maxRSS / 1024;

await using base = await openBaseModel(folder);
await using tensors = await openTurboCheckpoint(checkpoint, base, { direction });
const graph = new GraphBuilder('cyclegan-turbo', floatType);
const stages = cycleGanTurbo(graph, frameInput(graph), {
  parts: {
    unet: { weights: tensors.unet },
    vaeEncoder: { weights: tensors.vaeEncoder },
    vaeDecoder: { weights: tensors.vaeDecoder },
  },
  configuration: { unet: sdTurboUNet, vae: sdTurboAutoencoder, scheduler: sdTurboScheduler },
  prompt: text,
});
frameOutput(graph, stages.picture);
graph.output('picture', stages.picture);
const model = await writeModel(graph, output);

console.log(
  JSON.stringify({
    promptSeconds,
    promptPeakMb,
    seconds: (performance.now() - start) / 1000,
    peakMb: process.resourceUsage().maxRSS / 1024,
    bytes: model.bytes + model.externalData.reduce((sum, { bytes }) => sum + bytes, 0),
    nodes: graph.nodes.length,
    multiplications: countMultiplications(graph, { width: 512, height: 512 }),
  }),
);

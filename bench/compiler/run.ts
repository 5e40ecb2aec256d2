/**
 * What compiling the published models costs at full size, whether the graphs draw what the reference draws, and how fast and
 * lean they run beside PyTorch (eager, fp32, the same threads, one right after the other).
 *
 * Usage: npm run bench:compiler -- FOLDER --python FILE [--pieces a,b] [--again] [--threads N] [--repeat N]
 *
 * FOLDER is what `test/oracle/make-full-size.py` made: a base and checkpoints of the published names and shapes. --python is
 * one with the packages of test/oracle/requirements.txt. The work comes in pieces of minutes each; what a piece found is kept
 * in FOLDER/figures.json, so that a run that was stopped goes on, and pieces can be measured one by one. `--again` measures
 * anew. Each piece prints what it found; at the end come the tables of all there is, in bench/results/compiler.json too.
 * Packages are compiled into FOLDER: 13 GB.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import sharp from 'sharp';

import { compilePackage, type Compiled } from './compile-package.js';
import { graphAgainstReference, type Measured } from './graph-against-reference.js';
import { report } from './report.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    pieces: { type: 'string' },
    again: { type: 'boolean', default: false },
    threads: { type: 'string', default: String(availableParallelism()) },
    repeat: { type: 'string', default: '3' },
  },
});
const [folder] = positionals;
if (folder === undefined || options.python === undefined) {
  throw new Error('Name the folder that test/oracle/make-full-size.py made, and --python.');
}
const settings = { folder, python: options.python, threads: options.threads, repeat: options.repeat };

/** What the pieces found, by their names. */
export type Figures = Record<string, Compiled | Measured>;

const night = {
  checkpoint: 'day2night.pkl',
  prompt: 'driving in the night',
  direction: 'a2b',
  input: 'picture',
} as const;
const edge = { checkpoint: 'edge_to_image_loras.pkl', prompt: 'a red bicycle', input: 'edges' } as const;
const sketch = { checkpoint: 'sketch_to_image_stochastic_lora.pkl', prompt: 'a red bicycle', input: 'sketch' } as const;
const models = { 'day-to-night': night, 'edge-to-image': edge, 'sketch-to-image': sketch };

const graphs = [
  { name: 'day-to-night', precision: 'fp32', sizes: ['256x256', '512x512'] },
  { name: 'day-to-night', precision: 'fp16', sizes: ['256x256'] },
  { name: 'edge-to-image', precision: 'fp32', sizes: ['256x256'] },
  { name: 'sketch-to-image', precision: 'fp32', sizes: ['256x256'] },
] as const;

/** What each piece does, in the order in which it has to be done: a graph is compiled before it is run. */
const pieces = new Map<string, () => Promise<Compiled | Measured>>();
for (const { name, precision, sizes } of graphs) {
  const model = models[name];
  pieces.set(`${name} ${precision}: compiled`, () => compilePackage(settings, name, model, precision));
  for (const size of sizes) {
    pieces.set(`${name} ${precision}: ${size}`, () => graphAgainstReference(settings, name, model, precision, size));
  }
}

const kept = join(folder, 'figures.json');
const figures: Figures = await readFile(kept, 'utf8').then(
  (json) => JSON.parse(json) as Figures,
  () => ({}),
);
const asked = options.pieces?.split(',') ?? [...pieces.keys()];
const unknown = asked.filter((name) => !pieces.has(name));
if (unknown.length > 0) {
  throw new Error(`There is no piece ${unknown.join(', ')}; there are ${[...pieces.keys()].join(', ')}.`);
}

await mkdir(join(folder, 'frames'), { recursive: true });
for (const size of ['256x256', '512x512']) {
  // A picture with gradients, edges and texture, the same in every run.
  const [width, height] = size.split('x').map(Number);
  const scene = sharp(join(import.meta.dirname, '../../test/fixtures/canny/road.png'));
  const frame = await scene.resize(width, height, { fit: 'fill' }).removeAlpha().raw().toBuffer();
  await writeFile(join(folder, 'frames', `${size}.rgb`), frame);
}
for (const name of asked) {
  if (figures[name] === undefined || options.again) {
    console.log(`${name} …`);
    const found = await pieces.get(name)?.();
    if (found !== undefined) {
      figures[name] = found;
      await writeFile(kept, `${JSON.stringify(figures, undefined, 2)}\n`);
    }
  }
  console.log(name, JSON.stringify(figures[name]));
}
const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version, ...settings };
await report(figures, [...pieces.keys()], machine);

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { openSingleFile } from '../../../dist/compiler/checkpoint/latent-diffusion/single-file.js';
import { openSafetensorsFile } from '../../../dist/compiler/checkpoint/safetensors/safetensors-file.js';
import type { TensorSource } from '../../../dist/compiler/checkpoint/tensor-source.js';
import { type BaseModel, openBaseModel } from '../../../dist/compiler/checkpoint/turbo/base-model.js';
import { openTurboCheckpoint } from '../../../dist/compiler/checkpoint/turbo/open-turbo-checkpoint.js';
import { Vid2VidError } from '../../../dist/errors/errors.js';
import { networkFixtures } from '../networks/golden.js';
import { checkpointFixture } from './golden.js';
import { callPickle, checkpointOf, tensorPickle, zipOf } from './hostile-files.js';

/** Numbers that look random and are the same in every run. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) {
      throw new RangeError('There is nothing to choose from.');
    }
    return item;
  }
}

type Mutation = (bytes: Buffer, random: Random, marker: string) => Buffer;

const absurd = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];

/** The part of a file that says what is in it: where a change does most harm. */
function structure(bytes: Buffer, random: Random): number {
  const from = bytes.indexOf('data.pkl') >= 0 ? bytes.indexOf('data.pkl') : 0;
  const directory = bytes.indexOf(Buffer.from('PK\x01\x02'));
  return directory > 0 && random.below(2) === 0
    ? directory + random.below(bytes.length - directory)
    : Math.min(from + random.below(40_000), bytes.length - 1);
}

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    for (let i = 1 + random.below(8); i > 0; i--) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  (bytes, random) => {
    const at = structure(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => bytes.subarray(random.below(1000)),
  (bytes, random) => {
    const at = Math.min(structure(bytes, random), bytes.length - 4);
    bytes.writeUInt32LE(random.of(absurd), at);
    return bytes;
  },
  (bytes, random) => {
    const from = structure(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(64))]);
  },
  (bytes, random) => {
    const from = structure(bytes, random);
    const part = bytes.subarray(from, from + random.below(256));
    return Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from)]);
  },
  (bytes, random) => {
    const from = structure(bytes, random);
    return bytes.fill(random.of([0, 0x28, 0x29, 0x52, 0x5d, 0x71, 0x85, 0xff]), from, from + random.below(512));
  },
  (_, random, marker) => {
    const [module, name] = random.of([
      ['os', 'system'],
      ['posix', 'popen'],
      ['builtins', 'eval'],
      ['builtins', 'exec'],
      ['subprocess', 'check_output'],
      ['torch.hub', 'load'],
    ] as const);
    return checkpointOf(callPickle(module, name, `touch ${marker}`));
  },
  (bytes, random, marker) => {
    // In the midst of a sound checkpoint.
    const at = bytes.indexOf('crank_unet'.slice(1));
    const call = callPickle('os', 'system', `touch ${marker}`).subarray(2, -1);
    const from = at < 0 ? structure(bytes, random) : at;
    call.copy(bytes, Math.min(from, bytes.length - call.length));
    return bytes;
  },
  (_, random) => {
    const number = () => random.of([-(2 ** 40), -1, 0, 1, 2, 3, 6, 1000, 2 ** 31, 2 ** 45]);
    const few = () => Array.from({ length: random.below(5) }, number);
    const pickle = tensorPickle({ elements: 6, offset: number(), shape: few(), strides: few() });
    return checkpointOf(pickle, { 0: Buffer.alloc(24) });
  },
  (_, random) => {
    // A gigabyte of zeros in a megabyte.
    const bomb = { name: 'model/data/0', data: deflateRawSync(Buffer.alloc(2 ** 20)), method: 8, statedSize: 2 ** 30 };
    const pickle = tensorPickle({ elements: 2 ** 28, offset: 0, shape: [2 ** 14, 2 ** 14], strides: [2 ** 14, 1] });
    const version = { name: 'model/version', data: Buffer.from('3\n') };
    const members = [{ name: 'model/data.pkl', data: pickle }, bomb, version];
    return zipOf(random.below(2) === 0 ? members : [bomb, ...members]);
  },
];

/** What is spoilt, and how each is read. */
const originals = [
  {
    file: checkpointFixture('turbo/pix2pix.pkl'),
    read: (file: string, base: BaseModel) => readCheckpoint(file, base, {}),
  },
  {
    file: checkpointFixture('turbo/cyclegan.pkl'),
    read: (file: string, base: BaseModel) => readCheckpoint(file, base, { direction: 'a2b' }),
  },
  { file: checkpointFixture('turbo/base/vae/diffusion_pytorch_model.safetensors'), read: readWeights },
  { file: path.join(networkFixtures, 'base-single-file.safetensors'), read: readSingleFile },
] as const;

/** How a spoilt file was met. */
export interface MutationOutcome {
  readonly seed: number;
  /** What was said; undefined where it was taken, as one whose numbers alone are other ones is. */
  readonly error: unknown;
}

/** Whether the file was met as files are to be met: taken, or refused with an error of ours. */
export function isSound({ error }: MutationOutcome): boolean {
  return error === undefined || (error instanceof Vid2VidError && error.message.length < 4000);
}

/**
 * Spoils checkpoints and has them read, whole, one after the other.
 *
 * @param folder - For the files; what was named as proof of code run would be in it.
 */
export async function readMutated(
  folder: string,
  seeds: Iterable<number>,
): Promise<{ outcomes: MutationOutcome[]; codeWasRun: boolean; memoryGrowth: number }> {
  await mkdir(folder, { recursive: true });
  const marker = path.join(folder, 'marker');
  const contents = await Promise.all(originals.map(({ file }) => readFile(file)));
  await using base = await openBaseModel(checkpointFixture('turbo/base'));
  const outcomes: MutationOutcome[] = [];
  const before = process.memoryUsage.rss();
  let peak = before;
  for (const seed of seeds) {
    const random = new Random(seed);
    const which = random.below(originals.length);
    const mutate = random.of(mutations);
    const file = path.join(folder, 'model');
    await writeFile(file, mutate(Buffer.from(contents[which] ?? []), random, marker));
    outcomes.push({ seed, error: await failureOf(async () => originals[which]?.read(file, base)) });
    peak = Math.max(peak, process.memoryUsage.rss());
    await rm(file);
  }
  return { outcomes, codeWasRun: existsSync(marker), memoryGrowth: peak - before };
}

async function readWeights(file: string): Promise<void> {
  await using source = await openSafetensorsFile(file);
  await readAll(source);
}

async function readSingleFile(file: string): Promise<void> {
  await using model = await openSingleFile(file);
  for (const part of [model.unet, model.vae, model.textEncoder]) {
    await readAll(part);
  }
}

async function readCheckpoint(file: string, base: BaseModel, options: { direction?: 'a2b' }): Promise<void> {
  await using tensors = await openTurboCheckpoint(file, base, options);
  for (const part of [tensors.unet, tensors.vaeEncoder, tensors.vaeDecoder]) {
    await readAll(part);
  }
}

async function readAll(source: TensorSource): Promise<void> {
  for (const name of source.names()) {
    await source.read(name);
  }
}

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { compileModel, type CompileOptions } from '../../dist/compiler/compile.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { feed, golden, networkFixtures, readTensors } from './networks/golden.js';
import { runModel } from './run-graph.js';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-compile-'));
});
afterAll(async () => rm(scratch, { recursive: true }));

const about = {
  id: 'tiny',
  effect: 'day-to-night',
  title: 'Tiny',
  description: 'Random weights.',
  licence: 'CC0-1.0',
  source: 'test',
};

async function compile(name: string, checkpoint: string, changes: Partial<CompileOptions>) {
  const output = path.join(scratch, name);
  await mkdir(output);
  const result = await compileModel({
    checkpoint: path.join(networkFixtures, `${checkpoint}.pkl`),
    base: path.join(networkFixtures, 'base'),
    output,
    prompt: 'driving in the night',
    precision: ['fp32'],
    about,
    ...changes,
  });
  return { output, result };
}

describe('compiling', () => {
  it('writes a package that the engine takes, which draws what the reference draws', async () => {
    const shares: number[] = [];
    const { output, result } = await compile('cyclegan', 'cyclegan-turbo', {
      direction: 'a2b',
      precision: ['fp32', 'fp16'],
      onProgress: (_part, fraction) => shares.push(fraction),
    });
    expect((await readdir(output)).sort()).toEqual([
      'manifest.json',
      'model.fp16.onnx',
      'model.fp16.onnx.data',
      'model.onnx',
      'model.onnx.data',
    ]);
    const { manifest } = await loadModelPackage(output);
    expect(manifest.graphs.map(({ precision }) => precision)).toEqual(['fp32', 'fp16']);
    expect(manifest.input).toMatchObject({ name: 'frame', sizeMultiple: 8, workingSize: 512 });
    expect(manifest.provenance).toMatchObject({ prompt: 'driving in the night', direction: 'a2b', posterior: 'mode' });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    const { vae_encoder: encoder = 0, unet = 0, vae_decoder: decoder = 0, total } = result.multiplications;
    expect(encoder + unet + decoder).toBe(total);

    const feeds = { frame: feed(readTensors('frames'), '128x72') };
    const { translated } = await runModel(path.join(output, 'model.onnx'), feeds, { width: 128, height: 72 });
    const { data } = golden(readTensors('cyclegan-turbo'), 'a2b/128x72/mode/output');
    const levels = translated?.data as Uint8Array;
    for (let i = 0; i < data.length; i += 1) {
      const level = ((data[(i % 3) * 128 * 72 + Math.floor(i / 3)] ?? NaN) + 1) * 127.5;
      expect(Math.abs((levels[i] ?? NaN) - level)).toBeLessThanOrEqual(1);
    }
  });

  it('gives a stochastic model a guidance and a seed, and pictures that follow them', async () => {
    const { output } = await compile('sketch', 'pix2pix-turbo-stochastic', { prompt: 'a red car!', seed: 7 });
    const { manifest } = await loadModelPackage(output);
    expect(manifest.conditions.map(({ kind, default: usual }) => [kind, usual])).toEqual([
      ['guidance', 0.4],
      ['seed', 0],
    ]);
    const frame = feed(readTensors('frames'), '64x64');
    const draw = async (guidance: number, seed: number) => {
      const numbers = { guidance, seed };
      const conditions = Object.entries(numbers).map(([key, value]) => [
        key,
        new Tensor('float32', Float32Array.of(value), [1]),
      ]);
      const feeds = { frame, ...(Object.fromEntries(conditions) as Record<string, Tensor>) };
      const { translated } = await runModel(path.join(output, 'model.onnx'), feeds, { width: 64, height: 64 });
      return translated?.data;
    };
    const usual = await draw(0.4, 0);
    expect(await draw(0.4, 0)).toEqual(usual);
    expect(await draw(0.4, 1)).not.toEqual(usual);
    expect(await draw(0.7, 0)).not.toEqual(usual);
    // Followed closely, there is no noise left.
    expect(await draw(1, 1)).toEqual(await draw(1, 0));
  });

  it('takes edges of the frame for an edge-to-image model, and the picture itself when told to', async () => {
    const edges = await compile('edges', 'pix2pix-turbo', { posterior: 'sample', seed: 3 });
    const picture = await compile('picture', 'pix2pix-turbo', { input: 'picture' });
    const feeds = { frame: feed(readTensors('frames'), '64x64') };
    const drawn = await Promise.all(
      [edges, picture].map(async ({ output }) => {
        expect((await loadModelPackage(output)).manifest.conditions).toEqual([]);
        return runModel(path.join(output, 'model.onnx'), feeds, { width: 64, height: 64 });
      }),
    );
    expect(drawn[0]?.translated?.data).not.toEqual(drawn[1]?.translated?.data);
  });

  it.each([
    ['a direction is missing', 'cyclegan-turbo', {}, /two directions/],
    [
      'it is of another kind',
      'pix2pix-turbo',
      { kind: 'cyclegan-turbo' as const },
      /is a pix2pix-turbo, not a cyclegan/,
    ],
    ['there is no base', 'pix2pix-turbo', { base: '/nowhere' }, /unet.config\.json can't be read/],
    ['it is stopped', 'pix2pix-turbo', { signal: AbortSignal.abort() }, /Canceled/],
  ])('fails without a manifest when %s', async (name, checkpoint, changes, message) => {
    await expect(compile(name, checkpoint, changes)).rejects.toThrow(message);
    expect(await readdir(path.join(scratch, name))).not.toContain('manifest.json');
  });

  it('says which key of a base is of another network', async () => {
    const base = path.join(scratch, 'sdxl');
    await mkdir(path.join(base, 'unet'), { recursive: true });
    const config = {
      block_out_channels: [320],
      down_block_types: [],
      up_block_types: [],
      addition_embed_type: 'text_time',
    };
    await writeFile(path.join(base, 'unet', 'config.json'), JSON.stringify(config));
    await expect(compile('of-sdxl', 'pix2pix-turbo', { base })).rejects.toThrow(/addition_embed_type: has to be null/);
  });
});

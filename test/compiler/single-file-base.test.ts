import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { BaseConfiguration } from '../../dist/compiler/base.js';
import { openSingleFile } from '../../dist/compiler/checkpoint/latent-diffusion/single-file.js';
import { compileModel, type CompileOptions } from '../../dist/compiler/compile.js';
import { clipTextConfiguration } from '../../dist/compiler/networks/clip-text-encoder.js';
import { temporaryFolder } from '../support/models.js';
import { tinyConfiguration } from './networks/generator.js';
import { feed, networkFixtures, readJson, readTensors } from './networks/golden.js';
import { runModel } from './run-graph.js';

const folder = path.join(networkFixtures, 'base');
const file = path.join(networkFixtures, 'base-single-file.safetensors');
const tokenizer = path.join(folder, 'tokenizer');

/** One file says nothing of its networks' shapes, so those of the tiny ones have to be given. */
const singleFile: BaseConfiguration = {
  generator: tinyConfiguration,
  textEncoder: clipTextConfiguration.parse(readJson('base/text_encoder/config.json')),
};

async function compile(checkpoint: string, changes: Partial<CompileOptions>) {
  const output = path.join(await temporaryFolder(), 'package');
  await mkdir(output);
  const options: CompileOptions = {
    checkpoint: path.join(networkFixtures, `${checkpoint}.pkl`),
    base: file,
    tokenizer,
    output,
    prompt: 'driving in the night',
    precision: ['fp32'],
    about: { id: 'tiny', effect: 'tiny', title: 'Tiny', description: '', licence: 'CC0-1.0', source: 'test' },
    ...changes,
  };
  return { output, ...(await compileModel(options, { singleFile })) };
}

/** A safetensors file of tensors of zeros. */
async function fileOfShapes(shapes: Readonly<Record<string, readonly number[]>>): Promise<string> {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const start = end;
      end += 2 * shape.reduce((product, dimension) => product * dimension, 1);
      return [name, { dtype: 'F16', shape, data_offsets: [start, end] }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const made = path.join(await temporaryFolder(), 'model.safetensors');
  await writeFile(made, Buffer.concat([length, text, Buffer.alloc(end)]));
  return made;
}

describe('a base in one file, in the layout of latent-diffusion', () => {
  it.each([
    ['cyclegan-turbo', { direction: 'a2b' as const }],
    ['cyclegan-turbo', { direction: 'b2a' as const }],
    ['pix2pix-turbo', {}],
    ['pix2pix-turbo-stochastic', {}],
  ])('compiles to what its folder compiles to: %s %o', async (checkpoint, changes) => {
    const ofFile = await compile(checkpoint, changes);
    const ofFolder = await compile(checkpoint, { ...changes, base: folder, tokenizer: undefined });
    // The same graph, and the same weights to the last bit: the prompt's, which the text encoder made, among them.
    expect(ofFile.graphs).toEqual(ofFolder.graphs);
  });

  it('says so when the prompt is longer than the text encoder takes', async () => {
    const notices: string[] = [];
    const onNotice = (notice: string) => notices.push(notice);
    await compile('pix2pix-turbo', { prompt: 'a '.repeat(75), onNotice });
    expect(notices).toEqual([]);
    await compile('pix2pix-turbo', { prompt: 'a '.repeat(76), onNotice });
    expect(notices).toEqual([expect.stringMatching(/prompt is longer than .* 77 tokens: its end is left out/)]);
  });

  it('draws what its folder draws', async () => {
    const { output } = await compile('cyclegan-turbo', { direction: 'a2b' });
    const other = await compile('cyclegan-turbo', { direction: 'a2b', base: folder, tokenizer: undefined });
    const feeds = { frame: feed(readTensors('frames'), '104x56') };
    const draw = (at: string) => runModel(path.join(at, 'model.onnx'), feeds, { width: 104, height: 56 });
    const [found, expected] = [await draw(output), await draw(other.output)];
    expect(found.translated?.data).toEqual(expected.translated?.data);
  });

  it('may call its text encoder as the program that trained SD-Turbo does', async () => {
    const bytes = await readFile(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const renamed = bytes
      .toString('latin1', 8, 8 + length)
      .replaceAll('cond_stage_model.model.', 'conditioner.embedders.0.model.');
    const header = Buffer.from(renamed, 'latin1');
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    const other = path.join(await temporaryFolder(), 'sd_turbo.safetensors');
    await writeFile(other, Buffer.concat([size, header, bytes.subarray(8 + length)]));
    const expected = await compile('pix2pix-turbo', {});
    expect((await compile('pix2pix-turbo', { base: other })).graphs).toEqual(expected.graphs);
  });

  it('has every tensor of the folder, of the same shape', async () => {
    await using opened = await openSingleFile(file);
    for (const [part, source] of [
      ['unet/diffusion_pytorch_model', opened.unet],
      ['vae/diffusion_pytorch_model', opened.vae],
      ['text_encoder/model', opened.textEncoder],
    ] as const) {
      for (const [name, { shape, data }] of Object.entries(readTensors(`base/${part}`))) {
        if (!name.endsWith('position_ids')) {
          expect(source.describe(name)?.shape, name).toEqual(shape);
          expect(await source.read(name), name).toEqual(data);
        }
      }
    }
  });

  it('is refused when its attention can’t be cut in queries, keys and values, with both shapes', async () => {
    const bytes = await readFile(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
      string,
      { readonly shape: readonly number[] }
    >;
    const name = 'cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias';
    const [rows = 0] = header[name]?.shape ?? [];
    const tensors = Object.entries(header).filter(([key]) => key !== '__metadata__');
    const shapes = Object.fromEntries(tensors.map(([key, value]) => [key, value.shape]));
    const spoilt = await fileOfShapes({ ...shapes, [name]: [rows + 1] });
    await expect(compile('pix2pix-turbo', { base: spoilt })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(
        new RegExp(`self_attn\\.q_proj\\.bias" .* has shape \\[${rows + 1}\\]; expected \\[${rows / 3}\\]`),
      ) as string,
    });
  });

  it('needs a tokenizer, and says so', async () => {
    await expect(compile('pix2pix-turbo', { tokenizer: undefined })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/base-single-file\.safetensors has no tokenizer in it/) as string,
      remedy: expect.stringMatching(/vocab\.json, merges\.txt/) as string,
    });
  });
});

describe('a tokenizer from elsewhere', () => {
  it.each([file, folder])('is refused where it fills prompts up as Stable Diffusion 1 does: for %s', async (base) => {
    const other = path.join(await temporaryFolder(), 'tokenizer');
    await cp(tokenizer, other, { recursive: true });
    for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
      const text = await readFile(path.join(other, name), 'utf8');
      await writeFile(path.join(other, name), text.replace('"pad_token": "!"', '"pad_token": "<|endoftext|>"'));
    }
    await expect(compile('pix2pix-turbo', { base, tokenizer: other })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(/fills a prompt up with token 1313; .* expects token 0/) as string,
      remedy: expect.stringMatching(/SD-Turbo's own tokenizer/) as string,
    });
  });
});

describe('a base of another kind', () => {
  const unet = (width: number) => ({
    'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': [320, width],
  });

  it.each([
    [
      'Stable Diffusion 1.5',
      { ...unet(768), 'cond_stage_model.transformer.text_model.final_layer_norm.weight': [768] },
      /is Stable Diffusion 1\.x .*: tensor "model\.diffusion_model\.input_blocks\.1\.1\..*attn2\.to_k\.weight" has shape \[320, 768\]; expected \[320, 1024\]/,
    ],
    [
      'Stable Diffusion XL',
      {
        'conditioner.embedders.1.model.ln_final.weight': [1280],
        'model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight': [640, 2048],
      },
      /is Stable Diffusion XL .* has shape \[640, 2048\]; expected \[640, 1024\]/,
    ],
    [
      'one part of a folder',
      { 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight': [320, 1024] },
      /no tensor model\.diffusion_model\.\*; it seems to be one part of a model, as diffusers lays it out/,
    ],
    ['something else', { weight: [1] }, /no tensor model\.diffusion_model\.\*; it seems to be something else/],
    ['a UNet alone', unet(1024), /has no OpenCLIP text encoder: no tensor cond_stage_model\.model\.\*/],
    [
      'without an autoencoder',
      { ...unet(1024), 'cond_stage_model.model.ln_final.weight': [1024] },
      /has no autoencoder: no tensor first_stage_model\.\*/,
    ],
  ])('in one file is refused: %s', async (_, shapes, message) => {
    await expect(compile('pix2pix-turbo', { base: await fileOfShapes(shapes) })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
      remedy: expect.stringMatching(/sd_turbo\.safetensors/) as string,
    });
  });
});

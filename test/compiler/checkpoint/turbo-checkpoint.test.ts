import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MemoryTensorSource } from '../../../dist/compiler/checkpoint/memory-tensor-source.js';
import { elementCount, type TensorSource } from '../../../dist/compiler/checkpoint/tensor-source.js';
import { renamed } from '../../../dist/compiler/checkpoint/tensor-view.js';
import { openBaseModel, type OpenBaseModel } from '../../../dist/compiler/checkpoint/turbo/base-model.js';
import { openTurboCheckpoint } from '../../../dist/compiler/checkpoint/turbo/open-turbo-checkpoint.js';
import { temporaryFolder } from '../../support/models.js';
import { checkpointFixture, expectDigest, expectTensors, golden, type Digests } from './golden.js';

interface Expected {
  readonly cyclegan: {
    readonly unet: Digests;
    readonly a2b: Digests;
    readonly b2a: Digests;
    readonly parts: Readonly<Record<'encoder' | 'decoder' | 'others', readonly string[]>>;
  };
  readonly pix2pix: { readonly unet: Digests; readonly vae: Digests };
  readonly sketch: Expected['pix2pix'] & { readonly 'at guidance 0.4': Expected['pix2pix'] };
}

const cyclegan = checkpointFixture('turbo/cyclegan.pkl');
let base: OpenBaseModel;
let expected: Expected;

beforeAll(async () => {
  base = await openBaseModel(checkpointFixture('turbo/base'));
  expected = await golden('turbo/expected.json');
});

afterAll(() => base.close());

function below(digests: Digests, ...prefixes: string[]): Digests {
  return Object.fromEntries(
    Object.entries(digests).filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))),
  );
}

/** The base with one of its tensors in another shape, or left out. */
function changed(source: TensorSource, name: string, shape?: readonly number[]): TensorSource {
  const others = renamed(source, (other) => (other === name ? undefined : other));
  const own = new MemoryTensorSource(
    shape === undefined ? {} : { [name]: { shape, data: new Float32Array(elementCount(shape)) } },
  );
  return {
    description: source.description,
    names: () => [...others.names(), ...own.names()],
    describe: (other) => own.describe(other) ?? others.describe(other),
    read: (other) => (own.describe(other) === undefined ? others : own).read(other),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A copy of a checkpoint in which a text of its pickle is another one of the same length. */
async function edited(name: string, from: string, to: string): Promise<string> {
  const bytes = await readFile(checkpointFixture(`turbo/${name}`));
  const file = path.join(await temporaryFolder(), name);
  const text = bytes.toString('latin1').replaceAll(from, to);
  expect(text.length).toBe(bytes.length);
  expect(text).not.toBe(bytes.toString('latin1'));
  await writeFile(file, Buffer.from(text, 'latin1'));
  return file;
}

describe('a CycleGAN-Turbo checkpoint', () => {
  test.each(['a2b', 'b2a'] as const)('gives the weights that peft merges, %s', async (direction) => {
    await using tensors = await openTurboCheckpoint(cyclegan, base, { direction });
    const vae = expected.cyclegan[direction];
    await expectTensors(tensors.unet, expected.cyclegan.unet);
    await expectTensors(tensors.vaeEncoder, below(vae, 'encoder.', 'quant_conv.'));
    await expectTensors(tensors.vaeDecoder, below(vae, 'decoder.', 'post_quant_conv.'));
    expect(tensors.vaeDecoder.describe('decoder.skip_conv_4.weight')?.shape).toEqual([4, 2, 1, 1]);
  });

  test('has adapters of scale 1 in the UNet, and of scale 8 / rank in the autoencoder', async () => {
    await using tensors = await openTurboCheckpoint(cyclegan, base, { direction: 'a2b' });
    for (const part of ['encoder', 'decoder', 'others'] as const) {
      for (const module of expected.cyclegan.parts[part]) {
        expect(await tensors.unet.lora(module), module).toMatchObject({ rank: 3, scale: 1 });
      }
    }
    const modules = Object.values(expected.cyclegan.parts).flat();
    expect([...tensors.unet.loraModules()].sort()).toEqual([...modules].sort());
    expect(await tensors.vaeEncoder.lora('encoder.conv_in')).toMatchObject({ rank: 2, scale: 4 });
    expect(await tensors.vaeDecoder.lora('decoder.skip_conv_1')).toMatchObject({ rank: 2, scale: 4 });
  });

  test('needs a direction; a pix2pix-Turbo takes none', async () => {
    await expect(openTurboCheckpoint(cyclegan, base)).rejects.toMatchObject({ code: 'usage' });
    const pix2pix = checkpointFixture('turbo/pix2pix.pkl');
    await expect(openTurboCheckpoint(pix2pix, base, { direction: 'a2b' })).rejects.toMatchObject({ code: 'usage' });
  });

  test('without the autoencoder of its direction is refused', async () => {
    const file = await edited('cyclegan.pkl', 'vae_b2a.', 'vae_a2c.');
    await using a2b = await openTurboCheckpoint(file, base, { direction: 'a2b' });
    expect(a2b.kind).toBe('cyclegan-turbo');
    await expect(openTurboCheckpoint(file, base, { direction: 'b2a' })).rejects.toThrow('no tensor vae_b2a.*');
  });

  test.each([
    ['rank_unet', 'rank_unat', '"rank_unet" of .* is nothing; expected an integer'],
    ['sd_decoder', 'sd_decodes', '"sd_decoder" of .* is nothing; expected a dictionary of tensors'],
    ['l_modules_others', 'l_modules_athers', '"l_modules_others" of .* is nothing; expected a list of names'],
    [
      'vae.decoder.conv_out.base_layer.bias',
      'vae.decoder.conv_out.base_layer.bies',
      'lacks the tensor "decoder.conv_out.bias" of shape \\[3\\]',
    ],
    ['skip_conv_3.base_layer', 'skip_conv_5.base_layer', '"decoder.skip_conv_5.weight", which .* has not'],
    ['mid_block.resnets.1.conv2.lora_A', 'mid_block.resnets.7.conv2.lora_A', 'lacks the lora_'],
  ])('whose %s is spelled %s is refused', async (from, to, message) => {
    const file = await edited('cyclegan.pkl', from, to);
    await expect(openTurboCheckpoint(file, base, { direction: 'a2b' })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('a pix2pix-Turbo checkpoint', () => {
  test('gives the weights that peft merges, with its own conv_in and skip convolutions', async () => {
    await using tensors = await openTurboCheckpoint(checkpointFixture('turbo/pix2pix.pkl'), base);
    expect(tensors).toMatchObject({ kind: 'pix2pix-turbo', stochastic: false });
    await expectTensors(tensors.unet, expected.pix2pix.unet);
    await expectTensors(tensors.vaeEncoder, below(expected.pix2pix.vae, 'encoder.', 'quant_conv.'));
    await expectTensors(tensors.vaeDecoder, below(expected.pix2pix.vae, 'decoder.', 'post_quant_conv.'));
    expect(await tensors.unet.lora('conv_out')).toMatchObject({ rank: 3, scale: 8 / 3 });
    expect(await tensors.unet.read('conv_in.weight')).not.toEqual(await base.unet.read('conv_in.weight'));
  });

  test('that is stochastic has two first convolutions', async () => {
    await using tensors = await openTurboCheckpoint(checkpointFixture('turbo/sketch.pkl'), base);
    expect(tensors).toMatchObject({ kind: 'pix2pix-turbo', stochastic: true });
    await expectTensors(tensors.unet, expected.sketch.unet);
    expect(tensors.unet.describe('conv_in.weight')).toBeUndefined();
    expect(tensors.unet.describe('conv_in.conv_in_curr.weight')?.shape).toEqual([4, 4, 3, 3]);
    expect(await tensors.unet.read('conv_in.conv_in_pretrained.weight')).toEqual(
      await base.unet.read('conv_in.weight'),
    );
  });

  test('unmerged, gives the weights of every guidance', async () => {
    await using tensors = await openTurboCheckpoint(checkpointFixture('turbo/sketch.pkl'), base);
    const atGuidance = expected.sketch['at guidance 0.4'];
    const vae = { ...atGuidance.vae };
    for (const [source, digests] of [
      [tensors.unet, atGuidance.unet],
      [tensors.vaeEncoder, below(vae, 'encoder.', 'quant_conv.')],
      [tensors.vaeDecoder, below(vae, 'decoder.', 'post_quant_conv.')],
    ] as const) {
      for (const [name, digest] of Object.entries(digests)) {
        const weight = await source.unmerged.read(name);
        const full = await source.read(name);
        const mixed = weight.map((value, i) => value + 0.4 * ((full[i] ?? NaN) - value));
        expectDigest(mixed, digest, name);
      }
    }
  });
});

describe('a checkpoint for another base', () => {
  test('is told by the width of its text embedding, with both shapes', async () => {
    const unet = renamed(base.unet, (name) => name);
    const layer = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight';
    const wide = changed(unet, layer, [4, 768]);
    await expect(openTurboCheckpoint(cyclegan, { ...base, unet: wide }, { direction: 'a2b' })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(
        /Tensor "down_blocks\..*attn2\.to_k\.lora_A\.weight" of .*\(sd_encoder\) has shape \[3, 6\]; expected \[3, 768\].*the base is Stable Diffusion 1\.x/,
      ) as string,
      remedy: expect.stringContaining('SD-Turbo') as string,
    });
  });

  test('with the same width but other layers is told by the first that does not fit', async () => {
    const unet = changed(base.unet, 'mid_block.resnets.0.conv1.weight', [16, 8, 3, 3]);
    await expect(openTurboCheckpoint(cyclegan, { ...base, unet }, { direction: 'a2b' })).rejects.toThrow(
      /"mid_block\.resnets\.0\.conv1".*weight of shape \[8, 8, 3, 3\].*has \[16, 8, 3, 3\]/,
    );
    const vae = changed(base.vae, 'encoder.conv_out.weight', [8, 16, 3, 3]);
    await expect(openTurboCheckpoint(cyclegan, { ...base, vae }, { direction: 'a2b' })).rejects.toThrow(
      /Tensor "encoder\.conv_out\.weight" of .*\(sd_vae_enc\).* has shape \[8, 8, 3, 3\]; expected \[8, 16, 3, 3\]/,
    );
  });
});

describe('another file', () => {
  test('of torch.save is told by what it holds', async () => {
    const file = checkpointFixture('torch/values-protocol-2.pt');
    await expect(openTurboCheckpoint(file, base)).rejects.toThrow(
      /neither a CycleGAN-Turbo .* nor a pix2pix-Turbo .*: it has "fp32", "fp64"/,
    );
  });

  test('as base is told by its path', async () => {
    const folder = await temporaryFolder();
    await expect(openBaseModel(folder)).rejects.toMatchObject({ code: 'model-not-found' });
    await cp(checkpointFixture('turbo/base/unet'), path.join(folder, 'unet'), { recursive: true });
    await expect(openBaseModel(folder)).rejects.toThrow(path.join(folder, 'vae'));
  });
});

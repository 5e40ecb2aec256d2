/** What is easily misread in a published checkpoint. */
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { openTorchCheckpoint } from '../../../dist/compiler/checkpoint/torch/torch-checkpoint.js';
import {
  type CheckpointDictionary,
  type CheckpointValue,
  isDictionary,
  isStoredTensor,
} from '../../../dist/compiler/checkpoint/torch/value.js';
import { openBaseModel } from '../../../dist/compiler/checkpoint/turbo/base-model.js';
import { readCycleGanTurbo } from '../../../dist/compiler/checkpoint/turbo/cyclegan-turbo-checkpoint.js';
import { CheckpointFields } from '../../../dist/compiler/checkpoint/turbo/fields.js';
import { withCheckpoint } from '../networks/generator.js';
import { networkFixtures, readJson, readTensors } from '../networks/golden.js';

const merged = readTensors('merged');

/** Greatest difference of a weight from what peft merges. */
async function distance(read: Promise<Float32Array>, name: string): Promise<number> {
  const expected = merged[name]?.data ?? [];
  const found = await read;
  expect(found).toHaveLength(expected.length);
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? NaN))), 0);
}

describe('lora_alpha', () => {
  test("of a CycleGAN-Turbo's UNet is the rank: what peft merges at scale 1", async () => {
    const names = Object.keys(merged).filter((name) => name.startsWith('unet/'));
    expect(names.length).toBeGreaterThan(4);
    await withCheckpoint('cyclegan-turbo', 'a2b', async ({ unet }) => {
      for (const name of names) {
        expect(await distance(unet.read(name.slice('unet/'.length)), name), name).toBeLessThan(1e-6);
      }
    });
  });

  test("of a CycleGAN-Turbo's autoencoder is 8, whatever the rank: what peft merges at scale 8 / 3", async () => {
    const names = Object.keys(merged).filter((name) => name.startsWith('vae/'));
    expect(names.length).toBeGreaterThan(2);
    await withCheckpoint('cyclegan-turbo', 'a2b', async ({ vaeEncoder, vaeDecoder }) => {
      for (const name of names) {
        const own = name.slice('vae/'.length);
        const half = own.startsWith('encoder.') ? vaeEncoder : vaeDecoder;
        expect(await distance(half.read(own), name), name).toBeLessThan(1e-6);
      }
    });
  });

  test('of a pix2pix-Turbo is 8 in both, whatever the ranks: scales 8 / 3 and 8 / 2', async () => {
    for (const name of ['pix2pix-turbo', 'pix2pix-turbo-stochastic']) {
      await withCheckpoint(name, undefined, async ({ unet, vaeEncoder, vaeDecoder }) => {
        expect(await unet.lora('conv_out')).toMatchObject({ rank: 3, scale: 8 / 3 });
        expect(await vaeEncoder.lora('encoder.conv_in')).toMatchObject({ rank: 2, scale: 4 });
        expect(await vaeDecoder.lora('decoder.skip_conv_2')).toMatchObject({ rank: 2, scale: 4 });
      });
    }
  });
});

test('a list of suffixes picks the layers that peft picks, "conv" no "conv1" and no "conv_in"', async () => {
  const picked = readJson('adapted-modules.json') as Readonly<Record<'unet' | 'vae', readonly string[]>>;
  expect(picked.unet).not.toContain('conv_in');
  expect(picked.unet).toContain('down_blocks.0.downsamplers.0.conv');
  await withCheckpoint('pix2pix-turbo', undefined, ({ unet, vaeEncoder, vaeDecoder }) => {
    expect([...unet.loraModules()].sort()).toEqual([...picked.unet]);
    expect([...vaeEncoder.loraModules(), ...vaeDecoder.loraModules()].sort()).toEqual([...picked.vae]);
    return Promise.resolve();
  });
});

describe('of the two autoencoders that a CycleGAN-Turbo holds twice', () => {
  /** A dictionary whose tensors are all moved by a number. */
  function moved(value: CheckpointValue | undefined, by: number): CheckpointDictionary {
    const entries = isDictionary(value) ? [...value] : [];
    return new Map(
      entries.map(([name, tensor]) => {
        const read = async () => (isStoredTensor(tensor) ? (await tensor.read()).map((number) => number + by) : []);
        return [name, { ...(tensor as object), read } as CheckpointValue];
      }),
    );
  }

  test('the encoder that counts is the one in sd_vae_enc, the decoder the one in sd_vae_dec, of the direction', async () => {
    await using base = await openBaseModel(path.join(networkFixtures, 'base'));
    await using checkpoint = await openTorchCheckpoint(path.join(networkFixtures, 'cyclegan-turbo.pkl'));
    const dictionary = isDictionary(checkpoint.value) ? checkpoint.value : expect.fail();
    const open = (values: CheckpointDictionary, direction: 'a2b' | 'b2a') =>
      readCycleGanTurbo(new CheckpointFields(values, 'model.pkl'), base, direction);
    const changed = new Map([
      ...dictionary,
      ['sd_vae_enc', moved(dictionary.get('sd_vae_enc'), 10)],
      ['sd_vae_dec', moved(dictionary.get('sd_vae_dec'), 20)],
    ] as const);
    const [encoderBias, decoderBias] = ['encoder.conv_norm_out.bias', 'decoder.conv_norm_out.bias'];
    const first = async (source: { read(name: string): Promise<Float32Array> }, name: string) =>
      (await source.read(name))[0] ?? NaN;
    const seen = new Set<number>();
    for (const direction of ['a2b', 'b2a'] as const) {
      const [before, after] = [open(dictionary, direction), open(changed, direction)];
      const encoder = await first(before.vaeEncoder, encoderBias);
      const decoder = await first(before.vaeDecoder, decoderBias);
      expect((await first(after.vaeEncoder, encoderBias)) - encoder).toBeCloseTo(10, 4);
      expect((await first(after.vaeDecoder, decoderBias)) - decoder).toBeCloseTo(20, 4);
      seen.add(encoder).add(decoder);
    }
    // Each direction has an encoder and a decoder of its own.
    expect(seen.size).toBe(4);
  });
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';

import { type MemoryTensor, MemoryTensorSource } from '../../../dist/compiler/checkpoint/memory-tensor-source.js';

/** Where test/oracle/make-network-fixtures.py has put its data. */
export const networkFixtures = fileURLToPath(new URL('../../fixtures/networks', import.meta.url));

/** Sizes of the golden data: a square, about 16:9 with a latent of odd height, and no multiple of 64. */
export const goldenSizes = [
  { width: 64, height: 64 },
  { width: 128, height: 72 },
  { width: 104, height: 56 },
] as const;

/** The tensors of a safetensors file, read in the plainest way, so that the product's reader isn't judged by itself. */
export function readTensors(name: string): Readonly<Record<string, MemoryTensor>> {
  const file = readFileSync(path.join(networkFixtures, `${name}.safetensors`));
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).filter(([key]) => key !== '__metadata__');
  return Object.fromEntries(
    tensors.map(
      ([
        key,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const bytes = Uint8Array.from(file.subarray(8 + headerLength + from, 8 + headerLength + to)).buffer;
        if (dtype !== 'F32' && dtype !== 'U8' && dtype !== 'I64') {
          throw new Error(`${key} is ${dtype}`);
        }
        const data = { F32: () => new Float32Array(bytes), U8: () => new Uint8Array(bytes), I64: () => int64(bytes) };
        return [key, { shape, data: data[dtype]() }];
      },
    ),
  );
}

/** Weights of one part of the tiny base. */
export function baseWeights(part: 'unet' | 'vae'): MemoryTensorSource {
  return new MemoryTensorSource(readTensors(`base/${part}/diffusion_pytorch_model`), part);
}

/** A JSON file of the golden data. */
export function readJson(name: string): unknown {
  return JSON.parse(readFileSync(path.join(networkFixtures, name), 'utf8'));
}

/** One tensor of the golden data, to be fed. */
export function feed(tensors: Readonly<Record<string, MemoryTensor>>, key: string): Tensor {
  const { shape, data } = golden(tensors, key);
  return data instanceof Uint8Array
    ? new Tensor('uint8', data, shape)
    : new Tensor('float32', Float32Array.from(data), shape);
}

/** One tensor of the golden data. */
export function golden(tensors: Readonly<Record<string, MemoryTensor>>, key: string): MemoryTensor {
  const tensor = tensors[key];
  if (tensor === undefined) {
    throw new Error(`The golden data has no ${key}.`);
  }
  return tensor;
}

/** Fails unless every number is within a thousandth of the golden data's range. Returns the distance in ranges. */
export function expectClose(found: Tensor | undefined, wanted: MemoryTensor, tolerance = 1e-3): number {
  expect(found?.dims).toEqual(wanted.shape);
  const distance = relativeDistance(found, wanted);
  expect(distance).toBeLessThanOrEqual(tolerance);
  return distance;
}

/** Greatest difference, in units of the golden data's range. */
export function relativeDistance(found: Tensor | undefined, { data }: MemoryTensor): number {
  const numbers = found?.data as Float32Array;
  let least = Infinity;
  let greatest = -Infinity;
  let difference = 0;
  for (let i = 0; i < data.length; i += 1) {
    const value = data[i] ?? NaN;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    difference = Math.max(difference, Math.abs(value - (numbers[i] ?? NaN)));
  }
  return difference / (greatest - least);
}

function int64(bytes: ArrayBuffer): number[] {
  return Array.from(new BigInt64Array(bytes), Number);
}

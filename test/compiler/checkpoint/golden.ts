import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';

import type { TensorSource } from '../../../dist/compiler/checkpoint/tensor-source.js';
import type { CheckpointValue } from '../../../dist/compiler/checkpoint/torch/value.js';

/** A file made by test/oracle/checkpoint/make-checkpoint-fixtures.py. */
export function checkpointFixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/checkpoint/${name}`, import.meta.url));
}

/** What such a file has to hold, as the library that wrote it told. */
export async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(checkpointFixture(name), 'utf8')) as T;
}

/** A tensor in few words: its shape, and four sums of its elements under different signs. */
export interface Digest {
  readonly shape: readonly number[];
  readonly sums: readonly number[];
}

/** By the tensors' names. */
export type Digests = Readonly<Record<string, Digest>>;

/** The same hash as in make-checkpoint-fixtures.py. */
function signOf(element: number, seed: number): number {
  let x = (element + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  x ^= x >>> 16;
  return x & 1 ? 1 : -1;
}

/** That a source has these tensors, no others, and the numbers in them. */
export async function expectTensors(source: TensorSource, expected: Digests): Promise<void> {
  expect([...source.names()].sort()).toEqual(Object.keys(expected).sort());
  for (const [name, digest] of Object.entries(expected)) {
    expect(source.describe(name)?.shape, name).toEqual(digest.shape);
    expectDigest(await source.read(name), digest, name);
  }
}

export function expectDigest(numbers: Float32Array, { sums }: Digest, name: string): void {
  const magnitude = 1e-5 * numbers.reduce((sum, number) => sum + Math.abs(number), 1e-3);
  for (const [seed, expected] of sums.entries()) {
    const sum = numbers.reduce((total, number, i) => total + number * signOf(i, seed), 0);
    expect(Math.abs(sum - expected), `${name}, sum ${seed}`).toBeLessThan(magnitude);
  }
}

/** A value in the form that make-checkpoint-fixtures.py tells it in. */
export async function plain(value: CheckpointValue): Promise<unknown> {
  if (typeof value === 'bigint') {
    return { integer: value.toString() };
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (value instanceof Uint8Array) {
    return { bytes: [...value] };
  }
  if (value instanceof Map) {
    const entries = value as ReadonlyMap<unknown, CheckpointValue>;
    return { dictionary: await Promise.all([...entries].map(async ([key, item]) => [key, await plain(item)])) };
  }
  if (Array.isArray(value)) {
    return Promise.all(value.map((item: CheckpointValue) => plain(item)));
  }
  if ('kind' in value) {
    const numbers = [...(await value.read())].map((n) => (Number.isFinite(n) ? n : n > 0 ? 'inf' : '-inf'));
    return { tensor: { shape: value.shape, numbers } };
  }
  return value;
}

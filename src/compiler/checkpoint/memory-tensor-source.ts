import { elementCount, requireTensor, type TensorDescription, type TensorSource } from './tensor-source.js';

/** A tensor that is in memory already. */
export interface MemoryTensor {
  readonly shape: readonly number[];
  /** As many numbers as the shape says, row-major. */
  readonly data: ArrayLike<number>;
}

/** Tensors that were computed, or made up for a test. Each read gives a copy. */
export class MemoryTensorSource implements TensorSource {
  readonly #tensors: ReadonlyMap<string, MemoryTensor>;

  constructor(
    tensors: Readonly<Record<string, MemoryTensor>>,
    readonly description = 'memory',
  ) {
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      if (elementCount(shape) !== data.length) {
        throw new RangeError(`"${name}" has ${data.length} numbers, its shape [${shape.join(', ')}] another count.`);
      }
    }
    this.#tensors = new Map(Object.entries(tensors));
  }

  names(): Iterable<string> {
    return this.#tensors.keys();
  }

  describe(name: string): TensorDescription | undefined {
    const tensor = this.#tensors.get(name);
    return tensor && { name, shape: tensor.shape, dataType: 'F32' };
  }

  read(name: string): Promise<Float32Array> {
    const tensor = this.#tensors.get(name);
    return Promise.resolve().then(() => {
      requireTensor(this, name);
      return Float32Array.from(tensor?.data ?? []);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

import { ModelError, throwIfCanceled } from '../../errors/errors.js';
import { elementCount, evaluate } from './dimension.js';
import { elementTypes } from './element-type.js';
import { convertToHalf } from './float16.js';
import { contribDomain, type GraphBuilder, type Initializer, opset } from './graph-builder.js';
import { encodeModel, externalLocation, type TensorProto } from './model-proto.js';
import { valueInfo } from './value-info.js';

/** A file that was written. */
export interface WrittenFile {
  /** Its plain name. */
  readonly file: string;
  readonly bytes: number;
  /** SHA-256, lower-case hexadecimal. */
  readonly sha256: string;
}

/** An ONNX file and the file of its weights. */
export interface WrittenModel extends WrittenFile {
  readonly opset: number;
  readonly externalData: readonly WrittenFile[];
}

export interface WriteModelOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after each tensor: bytes of weights written so far, and in all. */
  readonly onProgress?: ((written: number, total: number) => void) | undefined;
}

/** Tensors smaller than this stay in the ONNX file. */
const inlineBytes = 1024;

/** The others begin on a page of their own, so that a runtime may map them instead of reading them. */
const alignment = 4096;

/** Numbers converted and written at a time. */
const chunkElements = 1 << 20;

// IR version 9 came with opset 20 (https://github.com/onnx/onnx/blob/main/docs/Versioning.md#released-versions).
const irVersion = 9;

/**
 * Writes `<name>` and `<name>.data`. Weights are asked for one after the other, converted and written, so that no more than
 * one of them is held at a time, however many there are.
 *
 * @param directory - Folder for both; a file of that name is replaced.
 * @param name - Name of the ONNX file.
 */
export async function writeModel(
  graph: GraphBuilder,
  directory: string,
  name = 'model.onnx',
  { signal, onProgress }: WriteModelOptions = {},
): Promise<WrittenModel> {
  const dataName = `${name}.data`;
  const total = graph.initializers.reduce((sum, tensor) => sum + byteLength(tensor), 0);
  const tensors: TensorProto[] = [];
  let written = 0;
  const data = await HashedFile.create(directory, dataName);
  try {
    for (const initializer of graph.initializers) {
      throwIfCanceled(signal);
      tensors.push(await writeTensor(initializer, data, dataName));
      written += byteLength(initializer);
      onProgress?.(written, total);
    }
  } finally {
    await data.close();
  }
  const model = await HashedFile.create(directory, name);
  try {
    await model.write(encode(graph, tensors));
  } finally {
    await model.close();
  }
  return { ...model.written(), opset, externalData: data.length === 0 ? [] : [data.written()] };
}

async function writeTensor(initializer: Initializer, data: HashedFile, location: string): Promise<TensorProto> {
  const { name, type, shape } = initializer;
  const numbers = await initializer.read();
  const expected = evaluate(elementCount(shape), {});
  if (numbers.length !== expected) {
    throw new ModelError(
      'model-invalid',
      `${name}: there are ${numbers.length} numbers, not ${expected} ([${shape.join(', ')}]).`,
      {
        remedy: 'The checkpoint does not fit this network.',
      },
    );
  }
  const tensor = { name, dataType: elementTypes[type].number, dims: shape };
  const length = byteLength(initializer);
  if (length < inlineBytes) {
    return { ...tensor, rawData: toBytes(initializer, numbers) };
  }
  await data.pad(alignment);
  const offset = data.length;
  for (let at = 0; at < numbers.length; at += chunkElements) {
    await data.write(toBytes(initializer, numbers.subarray(at, at + chunkElements)));
  }
  const external = { location, offset: String(offset), length: String(length) };
  return {
    ...tensor,
    externalData: Object.entries(external).map(([key, value]) => ({ key, value })),
    dataLocation: externalLocation,
  };
}

/** The numbers as ONNX stores them: little-endian, as every processor is that Node runs on. */
function toBytes({ name, type }: Initializer, numbers: Float32Array): Uint8Array {
  switch (type) {
    case 'float32':
      return bytesOf(numbers);
    case 'float16': {
      const half = new Uint16Array(numbers.length);
      const overflow = convertToHalf(numbers, half);
      if (overflow >= 0) {
        throw new ModelError(
          'model-invalid',
          `${name} holds ${numbers[overflow] ?? NaN}, too large for fp16 (65504).`,
          {
            remedy: 'Compile the model as fp32.',
          },
        );
      }
      return bytesOf(half);
    }
    case 'int64':
      return bytesOf(BigInt64Array.from(numbers, (number) => BigInt(number)));
    case 'int32':
      return bytesOf(Int32Array.from(numbers));
    case 'uint8':
    case 'bool':
      return Uint8Array.from(numbers);
  }
}

function bytesOf(array: Float32Array | Uint16Array | Int32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function byteLength({ type, shape }: Initializer): number {
  return evaluate(elementCount(shape), {}) * elementTypes[type].bytes;
}

function encode(graph: GraphBuilder, initializer: readonly TensorProto[]): Uint8Array {
  const versions: Readonly<Record<string, number>> = { '': opset, [contribDomain]: 1 };
  return encodeModel({
    irVersion,
    producerName: 'vid2vid-turbo',
    producerVersion: '',
    opsetImport: [...graph.domains].map((domain) => ({ domain, version: versions[domain] ?? 1 })),
    graph: {
      name: graph.name,
      node: graph.nodes,
      initializer,
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    },
  });
}

/** A new file, its checksum reckoned while it is written. */
class HashedFile {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #hash: Hash = createHash('sha256');
  #length = 0;

  static async create(directory: string, name: string): Promise<HashedFile> {
    return new HashedFile(await open(path.join(directory, name), 'w'), name);
  }

  private constructor(file: FileHandle, name: string) {
    this.#file = file;
    this.#name = name;
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done);
      done += bytesWritten;
    }
    this.#length += bytes.length;
  }

  /** Zeros up to a multiple of `multiple`. */
  async pad(multiple: number): Promise<void> {
    const missing = (multiple - (this.#length % multiple)) % multiple;
    if (missing > 0) {
      await this.write(new Uint8Array(missing));
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  written(): WrittenFile {
    return { file: this.#name, bytes: this.#length, sha256: this.#hash.copy().digest('hex') };
  }
}

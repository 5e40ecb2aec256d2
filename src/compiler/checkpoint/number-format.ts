import type { TensorFile } from './tensor-file.js';
import type { TensorDataType } from './tensor-source.js';

/**
 * Most elements a tensor may have; the largest of SD-Turbo, the table of CLIP's tokens, has 50 million. Nobody's memory
 * is to be filled by a number in a file.
 */
export const maxTensorElements = 2 ** 28;

const maxDimensions = 8;

/** Bytes an element takes in a file. */
export const bytesPerElement: Readonly<Record<TensorDataType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** What is wrong with a shape that a file states; undefined when it can be. */
export function shapeFault(shape: readonly number[]): string | undefined {
  if (shape.length > maxDimensions) {
    return `it has ${shape.length} dimensions, more than ${maxDimensions}`;
  }
  let elements = 1;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      return `${dimension} can't be a dimension`;
    }
    elements *= dimension;
    if (dimension > maxTensorElements || elements > maxTensorElements) {
      return `it has more than ${maxTensorElements} elements`;
    }
  }
  return undefined;
}

const elementsPerChunk = 1 << 18;

/** Reads `count` numbers that stand one after the other at `position`, little-endian, as float32. */
export async function readNumbers(
  file: TensorFile,
  position: number,
  count: number,
  dataType: TensorDataType,
): Promise<Float32Array> {
  const numbers = new Float32Array(count);
  if (dataType === 'F32') {
    await file.readInto(new Uint8Array(numbers.buffer), position);
    return numbers;
  }
  const size = bytesPerElement[dataType];
  const chunk = new Uint8Array(Math.min(count, elementsPerChunk) * size);
  for (let done = 0; done < count; done += elementsPerChunk) {
    const length = Math.min(elementsPerChunk, count - done);
    await file.readInto(chunk.subarray(0, length * size), position + done * size);
    convert[dataType](chunk.buffer, numbers.subarray(done, done + length));
  }
  return numbers;
}

type Convert = (from: ArrayBuffer, to: Float32Array) => void;

const convert: Readonly<Record<Exclude<TensorDataType, 'F32'>, Convert>> = {
  F64: (from, to) => to.set(new Float64Array(from, 0, to.length)),
  F16: (from, to) => {
    const table = halfPrecisionTable();
    const halves = new Uint16Array(from, 0, to.length);
    for (let i = 0; i < to.length; i++) {
      to[i] = table[halves[i] ?? 0] ?? 0;
    }
  },
  BF16: (from, to) => {
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    const halves = new Uint16Array(from, 0, to.length);
    for (let i = 0; i < bits.length; i++) {
      bits[i] = (halves[i] ?? 0) << 16;
    }
  },
  I64: (from, to) => {
    const integers = new BigInt64Array(from, 0, to.length);
    for (let i = 0; i < to.length; i++) {
      to[i] = Number(integers[i]);
    }
  },
  I32: (from, to) => to.set(new Int32Array(from, 0, to.length)),
  I16: (from, to) => to.set(new Int16Array(from, 0, to.length)),
  I8: (from, to) => to.set(new Int8Array(from, 0, to.length)),
  U8: (from, to) => to.set(new Uint8Array(from, 0, to.length)),
  BOOL: (from, to) => {
    const bytes = new Uint8Array(from, 0, to.length);
    for (let i = 0; i < to.length; i++) {
      to[i] = bytes[i] === 0 ? 0 : 1;
    }
  },
};

let halfPrecision: Float32Array | undefined;

/** The value of each of the 65,536 bit patterns of IEEE 754's half precision. */
function halfPrecisionTable(): Float32Array {
  if (halfPrecision === undefined) {
    halfPrecision = new Float32Array(1 << 16);
    for (let bits = 0; bits < halfPrecision.length; bits++) {
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits >> 10) & 0x1f;
      const fraction = bits & 0x3ff;
      if (exponent === 0x1f) {
        halfPrecision[bits] = fraction === 0 ? sign * Infinity : NaN;
      } else {
        const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
        halfPrecision[bits] = sign * magnitude;
      }
    }
  }
  return halfPrecision;
}

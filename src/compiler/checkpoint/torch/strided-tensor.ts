import { shapeFault } from '../number-format.js';
import { elementCount, formatShape } from '../tensor-source.js';
import type { Storage } from './storage.js';
import type { StoredTensor } from './value.js';

/** A tensor may repeat its storage's elements (a stride of 0) up to this many. More is no weight of a network. */
const maxRepeatedElements = 2 ** 20;

/**
 * A tensor that lies in a storage as PyTorch lays it: element [i, j, ...] is the storage's element
 * `offset + i * strides[0] + j * strides[1] + ...`.
 *
 * @param fault - Makes the error of a tensor that can't be.
 */
export function stridedTensor(
  storage: Storage,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  fault: (what: string) => Error,
): StoredTensor {
  const wrong = shapeFault(shape);
  if (wrong !== undefined) {
    throw fault(`a tensor has an impossible shape ${formatShape(shape)}: ${wrong}`);
  }
  const counts = [offset, ...strides];
  if (strides.length !== shape.length || !counts.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw fault(
      `a tensor of shape ${formatShape(shape)} has impossible strides ${formatShape(strides)} or offset ${offset}`,
    );
  }
  const elements = elementCount(shape);
  const span =
    elements === 0 ? 0 : 1 + shape.reduce((sum, dimension, i) => sum + (dimension - 1) * (strides[i] ?? 0), 0);
  if (offset + span > storage.elementCount) {
    throw fault(
      `a tensor of shape ${formatShape(shape)} reaches element ${offset + span} of a storage of ${storage.elementCount}`,
    );
  }
  if (elements > Math.max(storage.elementCount, maxRepeatedElements)) {
    throw fault(`a tensor repeats ${storage.elementCount} numbers to ${elements}`);
  }
  const contiguous = isContiguous(shape, strides);
  return {
    kind: 'tensor',
    shape,
    dataType: storage.dataType,
    async read() {
      const numbers = await storage.read(offset, span);
      return contiguous ? numbers : gather(numbers, shape, strides, elements);
    },
  };
}

/** Whether the elements follow one another in row-major order. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const dimension = shape[i] ?? 0;
    if (dimension === 0) {
      return true;
    }
    if (dimension !== 1 && strides[i] !== expected) {
      return false;
    }
    expected *= dimension;
  }
  return true;
}

/** Puts the elements into row-major order. */
function gather(
  from: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  elements: number,
): Float32Array {
  const to = new Float32Array(elements);
  const innerLength = shape.at(-1) ?? 1;
  const innerStride = strides.at(-1) ?? 0;
  const index = new Array<number>(Math.max(shape.length - 1, 0)).fill(0);
  let row = 0;
  for (let done = 0; done < elements; done += innerLength) {
    for (let i = 0; i < innerLength; i++) {
      to[done + i] = from[row + i * innerStride] ?? 0;
    }
    // On to the next row, as an odometer goes on.
    for (let axis = index.length - 1; axis >= 0; axis--) {
      const at = (index[axis] ?? 0) + 1;
      const stride = strides[axis] ?? 0;
      if (at < (shape[axis] ?? 0)) {
        index[axis] = at;
        row += stride;
        break;
      }
      index[axis] = 0;
      row -= (at - 1) * stride;
    }
  }
  return to;
}

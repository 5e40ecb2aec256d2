import type { ByteCursor } from './byte-cursor.js';
import { describePickleValue, isGlobal, type PickleValue } from './pickle-stack.js';
import { isStorage } from './storage.js';
import { stridedTensor } from './strided-tensor.js';
import { isStoredTensor, type CheckpointKey, type CheckpointValue, type StoredTensor } from './value.js';

/**
 * REDUCE: what a call in the pickle stands for. The callee is a word of the allow-list, and what it means is written here.
 *
 * @param callee - What would be called.
 * @param parts - Its arguments, a tuple.
 */
export function rebuild(
  callee: PickleValue | undefined,
  parts: PickleValue | undefined,
  cursor: ByteCursor,
): PickleValue {
  if (!isGlobal(callee) || callee.role !== 'function' || !Array.isArray(parts)) {
    throw cursor.fault(`it calls ${describePickleValue(callee)}, which can't be`);
  }
  const values = parts as readonly PickleValue[];
  const [first] = values;
  switch (callee.build) {
    case 'ordered-dictionary':
      if (values.length > 0) {
        throw cursor.fault('it makes an OrderedDict of what it is called with');
      }
      return new Map<CheckpointKey, CheckpointValue>();
    case 'list':
      return [...requireList(first, cursor)];
    case 'text':
      return typeof first === 'string' ? first : '';
    case 'tensor':
      return rebuildTensor(values, cursor);
    case 'parameter':
      if (!isTensor(first)) {
        throw cursor.fault('it makes a parameter of what is no tensor');
      }
      return first;
  }
}

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)` */
function rebuildTensor(values: readonly PickleValue[], cursor: ByteCursor): CheckpointValue {
  const [storage, offset, size, stride] = values;
  if (!isStorage(storage) || typeof offset !== 'number') {
    throw cursor.fault('it makes a tensor of what is no storage');
  }
  return stridedTensor(storage, offset, requireNumbers(size, cursor), requireNumbers(stride, cursor), (what) =>
    cursor.fault(what),
  );
}

function isTensor(value: PickleValue | undefined): value is StoredTensor {
  return isStoredTensor(value as CheckpointValue | undefined);
}

function requireList(value: PickleValue | undefined, cursor: ByteCursor): readonly PickleValue[] {
  if (!Array.isArray(value)) {
    throw cursor.fault(`it has ${describePickleValue(value)} where a list belongs`);
  }
  return value as readonly PickleValue[];
}

function requireNumbers(value: PickleValue | undefined, cursor: ByteCursor): readonly number[] {
  const numbers = requireList(value, cursor);
  if (!numbers.every((number) => typeof number === 'number')) {
    throw cursor.fault('a shape or stride is made of what are no numbers');
  }
  return numbers;
}

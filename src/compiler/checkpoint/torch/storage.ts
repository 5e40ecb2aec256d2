import type { TensorDataType } from '../tensor-source.js';
import type { ByteCursor } from './byte-cursor.js';
import type { PickleValue } from './pickle-stack.js';

/** Numbers in a row in the file, which several tensors may share. */
export interface Storage {
  readonly kind: 'storage';
  readonly dataType: TensorDataType;
  /** How many there are. */
  readonly elementCount: number;
  /** `count` of them from the one numbered `first`. */
  read(first: number, count: number): Promise<Float32Array>;
}

/** Gives the storage that a pickle's persistent identifier names; throws where it is none. */
export type OpenStorage = (identifier: PickleValue | undefined, cursor: ByteCursor) => Storage;

export function isStorage(value: PickleValue | undefined): value is Storage {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'storage';
}

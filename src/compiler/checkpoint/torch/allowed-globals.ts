import type { TensorDataType } from '../tensor-source.js';
import type { CheckpointValue } from './value.js';

/**
 * What a pickle may name: kinds of data and how they are put together again, each with a meaning of our own. No name leads
 * to code of the file's choosing.
 */
export type AllowedGlobal =
  | { readonly role: 'storage-type'; readonly dataType: TensorDataType }
  | { readonly role: 'constant'; readonly value: CheckpointValue }
  | {
      readonly role: 'function';
      readonly build: 'ordered-dictionary' | 'list' | 'text' | 'tensor' | 'parameter';
    };

const storageTypes: Readonly<Record<string, TensorDataType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const constants = [
  'torch.float64',
  'torch.float32',
  'torch.float16',
  'torch.bfloat16',
  'torch.int64',
  'torch.int32',
  'torch.int16',
  'torch.int8',
  'torch.uint8',
  'torch.bool',
];

const allowed: ReadonlyMap<string, AllowedGlobal> = new Map<string, AllowedGlobal>([
  ['collections.OrderedDict', { role: 'function', build: 'ordered-dictionary' }],
  ['builtins.set', { role: 'function', build: 'list' }],
  ['__builtin__.set', { role: 'function', build: 'list' }],
  ['torch.Size', { role: 'function', build: 'list' }],
  ['torch.device', { role: 'function', build: 'text' }],
  ['torch._utils._rebuild_tensor_v2', { role: 'function', build: 'tensor' }],
  ['torch._utils._rebuild_parameter', { role: 'function', build: 'parameter' }],
  ...Object.entries(storageTypes).map(([name, dataType]): [string, AllowedGlobal] => [
    `torch.${name}`,
    { role: 'storage-type', dataType },
  ]),
  ...constants.map((name): [string, AllowedGlobal] => [name, { role: 'constant', value: name }]),
]);

/** Undefined where a pickle may not name it. */
export function allowedGlobal(module: string, name: string): AllowedGlobal | undefined {
  return allowed.get(`${module}.${name}`);
}

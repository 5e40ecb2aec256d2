import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { requireTensor, type TensorDataType, type TensorDescription, type TensorSource } from '../tensor-source.js';

/** A tensor of a checkpoint, its numbers still in the file. */
export interface StoredTensor {
  readonly kind: 'tensor';
  readonly shape: readonly number[];
  readonly dataType: TensorDataType;
  /** Its numbers, row-major and contiguous, as float32; a new array each time. */
  read(): Promise<Float32Array>;
}

/** A key of a dictionary. */
export type CheckpointKey = string | number | bigint | boolean | null;

/** A Python dict or OrderedDict, in its order. */
export type CheckpointDictionary = ReadonlyMap<CheckpointKey, CheckpointValue>;

/**
 * What a checkpoint may hold. Lists, tuples and sets are arrays; a data type or device is its name. Parts may be shared,
 * and a hostile file may nest them in circles: walk them only to a depth that you know.
 */
export type CheckpointValue =
  CheckpointKey | Uint8Array | StoredTensor | readonly CheckpointValue[] | CheckpointDictionary;

export function isDictionary(value: CheckpointValue | undefined): value is CheckpointDictionary {
  return value instanceof Map;
}

export function isStoredTensor(value: CheckpointValue | undefined): value is StoredTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && (value.kind as unknown) === 'tensor';
}

/** What a value is, in a word or two, for messages. */
export function describeValue(value: CheckpointValue | undefined): string {
  if (value === undefined) {
    return 'nothing';
  }
  if (value === null) {
    return 'None';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  if (isDictionary(value)) {
    return 'a dictionary';
  }
  if (isStoredTensor(value)) {
    return 'a tensor';
  }
  return value instanceof Uint8Array ? 'bytes' : `a ${typeof value}`;
}

/**
 * The tensors of a state dict. Closing the source closes nothing: the checkpoint owns its file.
 *
 * @param description - What errors call it, such as `model.pkl (sd_vae_enc)`.
 * @throws ModelError, when `value` is not a dictionary of tensors.
 */
export function tensorSourceOf(value: CheckpointValue | undefined, description: string): TensorSource {
  if (!isDictionary(value)) {
    throw invalidCheckpoint(`${description} is ${describeValue(value)}; expected a dictionary of tensors.`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of value) {
    if (typeof name !== 'string' || !isStoredTensor(tensor)) {
      throw invalidCheckpoint(`"${String(name)}" of ${description} is ${describeValue(tensor)}; expected a tensor.`);
    }
    tensors.set(name, tensor);
  }
  return new StateDictionary(tensors, description);
}

class StateDictionary implements TensorSource {
  constructor(
    private readonly tensors: ReadonlyMap<string, StoredTensor>,
    readonly description: string,
  ) {}

  names(): Iterable<string> {
    return this.tensors.keys();
  }

  describe(name: string): TensorDescription | undefined {
    const tensor = this.tensors.get(name);
    return tensor && { name, shape: tensor.shape, dataType: tensor.dataType };
  }

  async read(name: string): Promise<Float32Array> {
    requireTensor(this, name);
    return this.tensors.get(name)?.read() ?? new Float32Array();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

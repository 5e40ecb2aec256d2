import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { tensorSourceOf, describeValue, isDictionary, type CheckpointDictionary } from '../torch/value.js';
import type { TensorSource } from '../tensor-source.js';

/** The fields of a checkpoint's dictionary, each checked to be what it should be. */
export class CheckpointFields {
  constructor(
    private readonly dictionary: CheckpointDictionary,
    private readonly path: string,
  ) {}

  integer(name: string): number {
    const value = this.dictionary.get(name);
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#refuse(name, 'an integer');
  }

  texts(name: string): readonly string[] {
    const value = this.dictionary.get(name);
    if (!Array.isArray(value)) {
      return this.#refuse(name, 'a list of names');
    }
    return value.map((item: unknown) => (typeof item === 'string' ? item : this.#refuse(name, 'a list of names')));
  }

  tensors(name: string): TensorSource {
    const value = this.dictionary.get(name);
    return isDictionary(value)
      ? tensorSourceOf(value, `${this.path} (${name})`)
      : this.#refuse(name, 'a dictionary of tensors');
  }

  #refuse(name: string, expected: string): never {
    const found = describeValue(this.dictionary.get(name));
    throw invalidCheckpoint(`"${name}" of ${this.path} is ${found}; expected ${expected}.`);
  }
}

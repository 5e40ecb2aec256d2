import type { AllowedGlobal } from './allowed-globals.js';
import type { ByteCursor } from './byte-cursor.js';
import { isStorage, type Storage } from './storage.js';
import { describeValue, type CheckpointKey, type CheckpointValue } from './value.js';

/** What lies on a pickle's stack: what becomes part of the checkpoint, and what only helps to build it. */
export type PickleValue = CheckpointValue | AllowedGlobal | Storage | readonly PickleValue[];

const maxDepth = 200;
const maxStackLength = 200_000;
const maxMemoLength = 1_000_000;
const maxContainers = 500_000;

/** The stack, the marks on it and the memo of a pickle that is read. */
export class PickleStack {
  readonly #values: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Tuples that hold what can't become part of the checkpoint. */
  readonly #scaffolding = new WeakSet<object>();
  #containers = 0;

  constructor(private readonly cursor: ByteCursor) {}

  push(value: PickleValue): void {
    if (this.#values.length === maxStackLength) {
      throw this.cursor.fault(`it stacks more than ${maxStackLength} values`);
    }
    this.#values.push(value);
  }

  /** Pushes what takes memory of its own. */
  pushContainer(value: PickleValue): void {
    if (++this.#containers > maxContainers) {
      throw this.cursor.fault(`it makes more than ${maxContainers} lists and dictionaries`);
    }
    this.push(value);
  }

  /** Pushes a tuple: arguments of a call, or a value of its own. */
  pushTuple(items: readonly PickleValue[]): void {
    if (items.some((item) => this.#isScaffolding(item))) {
      this.#scaffolding.add(items);
    }
    this.pushContainer(items);
  }

  mark(): void {
    if (this.#marks.length === maxDepth) {
      throw this.cursor.fault(`it is nested more than ${maxDepth} deep`);
    }
    this.#marks.push(this.#values.length);
  }

  /** The last `count` values, the one pushed first in front. */
  popMany(count: number): PickleValue[] {
    this.#requireAboveMark(count);
    return this.#values.splice(this.#values.length - count);
  }

  /** The values pushed since the last mark, which goes too. */
  popToMark(): PickleValue[] {
    const from = this.#marks.pop();
    if (from === undefined) {
      throw this.cursor.fault('a mark is missing');
    }
    return this.#values.splice(from);
  }

  /** The value that is the whole. */
  popValue(): CheckpointValue {
    const [value] = this.popMany(1);
    return this.#checkpointValue(value);
  }

  /** POP: a mark, where one is on top. */
  discard(): void {
    if (this.#marks.at(-1) === this.#values.length) {
      this.#marks.pop();
    } else {
      this.popMany(1);
    }
  }

  duplicate(): void {
    this.push(this.#top());
  }

  append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) {
      throw this.cursor.fault('it appends to what is no list');
    }
    for (const item of items) {
      (list as CheckpointValue[]).push(this.#checkpointValue(item));
    }
  }

  /** @param items - Key, value, key, value ... */
  setItems(items: readonly PickleValue[]): void {
    const dictionary = this.#top();
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) {
      throw this.cursor.fault('it sets items of what is no dictionary');
    }
    for (let i = 0; i < items.length; i += 2) {
      (dictionary as Map<CheckpointKey, CheckpointValue>).set(this.#key(items[i]), this.#checkpointValue(items[i + 1]));
    }
  }

  /** BUILD: the attributes that PyTorch gives to a state dict (`_metadata`) hold nothing that is needed. */
  setAttributes(): void {
    const [attributes] = this.popMany(1);
    if (!(this.#top() instanceof Map) || !(attributes instanceof Map)) {
      throw this.cursor.fault('it sets attributes of what is no dictionary');
    }
  }

  memoize(index = this.#memo.size): void {
    if (this.#memo.size === maxMemoLength) {
      throw this.cursor.fault(`it remembers more than ${maxMemoLength} values`);
    }
    this.#memo.set(index, this.#top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) {
      throw this.cursor.fault(`it recalls value ${index}, which it has not stored`);
    }
    this.push(value);
  }

  #top(): PickleValue {
    this.#requireAboveMark(1);
    return this.#values.at(-1) ?? null;
  }

  #requireAboveMark(count: number): void {
    if (this.#values.length - (this.#marks.at(-1) ?? 0) < count) {
      throw this.cursor.fault('it takes a value that is not there');
    }
  }

  #key(value: PickleValue | undefined): CheckpointKey {
    if (value !== null && (value === undefined || typeof value === 'object')) {
      throw this.cursor.fault('a dictionary has a key that is neither text nor number');
    }
    return value;
  }

  #checkpointValue(value: PickleValue | undefined): CheckpointValue {
    if (value === undefined || this.#isScaffolding(value)) {
      throw this.cursor.fault('it holds a function, type or bare storage where a value belongs');
    }
    return value as CheckpointValue;
  }

  #isScaffolding(value: PickleValue): boolean {
    return isGlobal(value) || isStorage(value) || (Array.isArray(value) && this.#scaffolding.has(value));
  }
}

/** Whether the value names a function or type. */
export function isGlobal(value: PickleValue | undefined): value is AllowedGlobal {
  return typeof value === 'object' && value !== null && 'role' in value;
}

/** What a value on the stack is, for messages. */
export function describePickleValue(value: PickleValue | undefined): string {
  if (isGlobal(value)) {
    return `a ${value.role}`;
  }
  return isStorage(value) ? 'a storage' : describeValue(value as CheckpointValue | undefined);
}

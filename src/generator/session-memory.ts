import type { Tensor } from 'onnxruntime-node';

import type { ModelState } from './manifest.js';

/** One state, and the tensors that go round for it. */
interface Slot {
  readonly state: ModelState;
  readonly initial: Tensor;
  /** What the last run gave; undefined before the first frame of a sequence. */
  current: Tensor | undefined;
  /** Written into by a later run. */
  readonly free: Tensor[];
}

/**
 * What a network remembers from one frame to the next. Two tensors a state take turns, one read and one written, so that
 * a long video allocates nothing; they are plain memory of the CPU, wherever the network runs.
 */
export class SessionMemory {
  readonly #slots: readonly Slot[];

  constructor(states: readonly ModelState[], TensorClass: typeof Tensor) {
    this.#slots = states.map((state) => ({
      state,
      initial: new TensorClass('float32', filled(state), state.initialShape),
      current: undefined,
      free: [],
    }));
  }

  /** Whether there is anything to remember. */
  get isEmpty(): boolean {
    return this.#slots.length === 0;
  }

  /** What the next run is to read. */
  feeds(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.#slots.map(({ state, initial, current }) => [state.input, current ?? initial]));
  }

  /** Where the next run is to write; null where onnxruntime has to find out the shape. */
  fetches(): Readonly<Record<string, Tensor | null>> {
    return Object.fromEntries(this.#slots.map(({ state, free }) => [state.output, free.at(-1) ?? null]));
  }

  /**
   * Takes over what a run has written.
   *
   * @param results - What the run gave for {@link SessionMemory.fetches}.
   */
  keep(results: Readonly<Record<string, Tensor>>): void {
    for (const slot of this.#slots) {
      const written = slot.free.pop() ?? results[slot.state.output];
      if (slot.current !== undefined) {
        checkShape(slot.state, slot.current, written);
        slot.free.push(slot.current);
      }
      slot.current = written;
    }
  }

  /** Begins a new sequence: what follows knows nothing of what was. */
  reset(): void {
    for (const slot of this.#slots) {
      if (slot.current !== undefined) {
        slot.free.push(slot.current);
        slot.current = undefined;
      }
    }
  }
}

function filled({ initialShape, initial }: ModelState): Float32Array {
  return new Float32Array(initialShape.reduce((product, size) => product * size, 1)).fill(initial);
}

function checkShape({ output }: ModelState, before: Tensor, now: Tensor | undefined): void {
  const [one, other] = [before.dims.join(', '), now?.dims.join(', ') ?? ''];
  if (one !== other) {
    throw new Error(`State output "${output}" is [${one}] after one frame and [${other}] after the next.`);
  }
}

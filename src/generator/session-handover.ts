import type { Tensor } from 'onnxruntime-node';

import type { SessionStage } from './session-protocol.js';

/**
 * The tensor that the first half of a network hands the second, as one half's worker sees it. Its memory comes with a run
 * and goes on with the answer, so that it goes round between the two; only where a run brings none is some allocated.
 * Of a whole network there is no such tensor.
 */
export class SessionHandover {
  readonly #stage: SessionStage | undefined;
  readonly #TensorClass: typeof Tensor;
  #shape: readonly number[] | undefined;

  constructor(stage: SessionStage | undefined, TensorClass: typeof Tensor) {
    this.#stage = stage;
    this.#TensorClass = TensorClass;
    this.#shape = stage?.shape;
  }

  /** The tensor's shape: told to a second half, found out by the first run of a first half. */
  get shape(): readonly number[] | undefined {
    return this.#shape;
  }

  /** The memory of a run: what it was brought, or else its own; none until the shape is known. */
  bufferOf(brought: ArrayBuffer | undefined): ArrayBuffer | undefined {
    return brought ?? (this.#shape && new ArrayBuffer(this.#shape.reduce((product, size) => product * size, 4)));
  }

  /** What a run reads from that memory. */
  feeds(buffer: ArrayBuffer | undefined): Readonly<Record<string, Tensor>> {
    return this.#stage?.half === 'second' && buffer ? { [this.#stage.tensor]: this.#tensor(buffer) } : {};
  }

  /** Where a run writes into it; null where onnxruntime has to find out the shape. */
  fetches(buffer: ArrayBuffer | undefined): Readonly<Record<string, Tensor | null>> {
    return this.#stage?.half === 'first' ? { [this.#stage.tensor]: buffer ? this.#tensor(buffer) : null } : {};
  }

  /**
   * Learns the shape.
   *
   * @param results - What the run gave for {@link SessionHandover.fetches}.
   */
  learn(results: Readonly<Record<string, Tensor>>): void {
    const written = this.#stage && results[this.#stage.tensor];
    if (written === undefined || this.#shape !== undefined) {
      return;
    }
    if (written.type !== 'float32') {
      throw new Error(`Tensor "${this.#stage?.tensor ?? ''}", at which it is split, is ${written.type}, not float32.`);
    }
    this.#shape = written.dims;
  }

  #tensor(buffer: ArrayBuffer): Tensor {
    return new this.#TensorClass('float32', new Float32Array(buffer), this.#shape);
  }
}

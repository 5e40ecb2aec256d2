import type { Tensor } from 'onnxruntime-node';

import type { HandedTensor, RunBuffers, SessionStage } from './session-protocol.js';

/** Memory of what a run is handed, and of what it hands on. */
export type HandedBuffers = Pick<RunBuffers, 'taken' | 'given'>;

/**
 * The tensors that a stage of a network takes from the stage before and gives the next, as its worker sees them. Their memory
 * comes with a run and goes on with the answer, so that each goes round between two stages; only where a run brings none is
 * some allocated. Of a whole network there are no such tensors.
 */
export class SessionHandover {
  readonly #takes: readonly HandedTensor[];
  /** Names of what it gives. */
  readonly #names: readonly string[];
  readonly #TensorClass: typeof Tensor;
  #gives: readonly HandedTensor[] | undefined;

  constructor(stage: SessionStage | undefined, TensorClass: typeof Tensor) {
    this.#takes = stage?.takes ?? [];
    this.#names = stage?.gives ?? [];
    this.#TensorClass = TensorClass;
  }

  /** What it gives, with the shapes, which its first run finds out: nothing before. */
  get gives(): readonly HandedTensor[] {
    return this.#gives ?? [];
  }

  /** The memory of a run: what it was brought, or else its own; none for what has no shape yet. */
  buffersOf({ taken, given }: HandedBuffers): HandedBuffers {
    return { taken: taken ?? this.#takes.map(allocate), given: given ?? this.#gives?.map(allocate) };
  }

  /** What a run reads from that memory. */
  feeds({ taken = [] }: HandedBuffers): Readonly<Record<string, Tensor>> {
    return this.#tensors(this.#takes, taken);
  }

  /** Where a run writes into it; null where onnxruntime has to find out the shape. */
  fetches({ given = [] }: HandedBuffers): Readonly<Record<string, Tensor | null>> {
    return this.#gives === undefined
      ? Object.fromEntries(this.#names.map((tensor) => [tensor, null]))
      : this.#tensors(this.#gives, given);
  }

  /**
   * Learns the shapes of what it gives.
   *
   * @param results - What the run gave for {@link SessionHandover.fetches}.
   */
  learn(results: Readonly<Record<string, Tensor>>): void {
    this.#gives ??= this.#names.flatMap((tensor) => {
      const written = results[tensor];
      if (written !== undefined && written.type !== 'float32') {
        throw new Error(`Tensor "${tensor}", at which it is split, is ${written.type}, not float32.`);
      }
      return written === undefined ? [] : [{ tensor, shape: written.dims }];
    });
  }

  /** Tensors that lie in these buffers, one in each. */
  #tensors(handed: readonly HandedTensor[], buffers: readonly ArrayBuffer[]): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(
      handed.map(({ tensor, shape }, index) => {
        const numbers = new Float32Array(buffers[index] ?? new ArrayBuffer(0));
        return [tensor, new this.#TensorClass('float32', numbers, shape)];
      }),
    );
  }
}

/** Memory for a float32 tensor. */
function allocate({ shape }: HandedTensor): ArrayBuffer {
  return new ArrayBuffer(shape.reduce((product, size) => product * size, 4));
}

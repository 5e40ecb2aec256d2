import { readFile } from 'node:fs/promises';

import { Session, type SessionOptions, type SessionRun } from './session.js';
import { cannotSplit } from './session-failure.js';
import type { RunBuffers } from './session-protocol.js';
import { type GraphHalves, splitGraph } from './split-graph.js';

/** What {@link StagedSession.open} needs. */
export type StagedSessionOptions = Omit<SessionOptions, 'graphBytes' | 'stage' | 'threads' | 'workerFile'> & {
  /** The tensor inside the graph at which it is split. */
  readonly splitAt: string;
  /** Threads of the first stage and of the second. */
  readonly threads: readonly [first: number, second: number];
  /** The workers' files; tests put faulty ones in their place. */
  readonly workerFiles?: readonly [first: URL, second: URL];
};

/**
 * One network in two stages, a {@link Session} each: while the second half is run on a frame, the first is run on the next.
 * Frames leave in the order in which they came. What the network remembers is with the first stage.
 */
export class StagedSession implements AsyncDisposable {
  /** How many frames it works on at once. */
  readonly stages = 2;
  readonly #first: Session;
  readonly #second: Session;
  /** Memory of the tensor that goes from stage to stage, used before and free again. */
  readonly #handovers: ArrayBuffer[] = [];

  /**
   * Splits the graph, and starts one stage after the other: the second has to know what it will be handed.
   *
   * @throws {@link ModelError} or {@link DeviceError} when it can't; its workers are gone by then.
   */
  static async open({ splitAt, threads, workerFiles, ...options }: StagedSessionOptions): Promise<StagedSession> {
    const halves = await readHalves(options, splitAt);
    const [firstFile, secondFile] = workerFiles ?? [];
    const first = await Session.open({
      ...options,
      graphBytes: halves.first,
      stage: { half: 'first', tensor: splitAt },
      threads: threads[0],
      ...(firstFile && { workerFile: firstFile }),
    });
    try {
      const shape = first.handoverShape;
      if (shape === undefined) {
        throw cannotSplit(options.graph, splitAt, 'its first half says no shape of it');
      }
      const second = await Session.open({
        ...options,
        graphBytes: halves.second,
        stage: { half: 'second', tensor: splitAt, shape },
        states: [],
        threads: threads[1],
        ...(secondFile && { workerFile: secondFile }),
      });
      return new StagedSession(first, second);
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  private constructor(first: Session, second: Session) {
    this.#first = first;
    this.#second = second;
  }

  /** Runs that were asked for and haven't answered. */
  get inFlight(): number {
    return this.#first.inFlight + this.#second.inFlight;
  }

  /**
   * Runs both stages once, with the time of both. The buffers move to the workers, and back with the answer.
   *
   * Where a stage fails, what was remembered is forgotten. If it is the second, the next frames may have gone through the
   * first by then: they still remember.
   */
  async run(buffers: RunBuffers, conditions: Readonly<Record<string, number>>): Promise<SessionRun> {
    if (this.#second.ended !== undefined) {
      // It would go through the whole first stage only to be refused then.
      throw this.#second.ended;
    }
    const first = await this.#first.run({ ...buffers, handover: this.#handovers.pop() }, conditions);
    try {
      const { input, output, handover } = first;
      const second = await this.#second.run({ input, output, handover }, conditions);
      if (second.handover !== undefined) {
        this.#handovers.push(second.handover);
      }
      return {
        input: second.input,
        output: second.output,
        inferMilliseconds: first.inferMilliseconds + second.inferMilliseconds,
      };
    } catch (error) {
      this.#first.reset();
      throw error;
    }
  }

  /** {@inheritDoc Session.reset} */
  reset(): void {
    this.#first.reset();
  }

  /** {@inheritDoc Session.close} */
  async close(): Promise<void> {
    await Promise.all([this.#first.close(), this.#second.close()]);
  }

  /** {@inheritDoc Session.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readHalves(
  { graph, output, states }: Pick<SessionOptions, 'graph' | 'output' | 'states'>,
  tensor: string,
): Promise<GraphHalves> {
  try {
    return splitGraph(await readFile(graph), { tensor, output, states });
  } catch (cause) {
    throw cannotSplit(graph, tensor, (cause as Error).message, cause);
  }
}

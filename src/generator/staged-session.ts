import { readFile } from 'node:fs/promises';

import { Session, type SessionOptions, type SessionRun } from './session.js';
import { cannotSplit } from './session-failure.js';
import type { HandedTensor, RunBuffers } from './session-protocol.js';
import { splitGraph, type StageGraph } from './split-graph.js';

/** What {@link StagedSession.open} needs. */
export type StagedSessionOptions = Omit<SessionOptions, 'graphBytes' | 'stage' | 'threads' | 'workerFile'> & {
  /** For each split, in the order in which they are computed, the tensors inside the graph that are handed over. */
  readonly splitAt: readonly (readonly string[])[];
  /** Threads of each stage: one number more than there are splits. */
  readonly threads: readonly number[];
  /** The workers' files, one a stage; tests put faulty ones in their place. */
  readonly workerFiles?: readonly URL[];
};

interface Stage {
  readonly session: Session;
  /** Whether it has a part of what the network remembers. */
  readonly remembers: boolean;
  /** Memory of what it gives the next stage, used before and free again; all of it that one frame needs together. */
  readonly free: (readonly ArrayBuffer[])[];
  /** The sequence of the last frame that came to it. */
  sequence: number;
}

/**
 * One network in several stages, a {@link Session} each: while one is run on a frame, the one before is run on the next.
 * Frames leave in the order in which they came. Each of the network's states is with the one stage that reads it.
 */
export class StagedSession implements AsyncDisposable {
  /** How many frames it works on at once. */
  readonly stages: number;
  readonly #stages: readonly Stage[];
  /** The sequence that the next frame belongs to. */
  #sequence = 0;

  /**
   * Splits the graph, and starts one stage after the other: each has to know what it will be handed.
   *
   * @throws {@link ModelError} or {@link DeviceError} when it can't; its workers are gone by then.
   */
  static async open({ splitAt, threads, workerFiles, ...options }: StagedSessionOptions): Promise<StagedSession> {
    const graphs = await readStages(options, splitAt);
    const stages: Stage[] = [];
    try {
      for (const [index, { gives, states, ...graph }] of graphs.entries()) {
        const workerFile = workerFiles?.[index];
        const takes = handed(options.graph, graph.takes, stages.at(-1));
        const session = await Session.open({
          ...options,
          graphBytes: graph.write(takes),
          stage: { number: index + 1, takes, gives },
          states,
          threads: threads[index] ?? 1,
          ...(workerFile && { workerFile }),
        });
        stages.push({ session, remembers: states.length > 0, free: [], sequence: 0 });
      }
      return new StagedSession(stages);
    } catch (error) {
      await Promise.all(stages.map(({ session }) => session.close()));
      throw error;
    }
  }

  private constructor(stages: readonly Stage[]) {
    this.stages = stages.length;
    this.#stages = stages;
  }

  /** Runs that were asked for and haven't answered. */
  get inFlight(): number {
    return this.#stages.reduce((sum, { session }) => sum + session.inFlight, 0);
  }

  /**
   * Runs all stages once, with the time of all. The buffers move to the workers, and back with the answer.
   *
   * Where a stage fails, what was remembered is forgotten, at once: frames that are on their way between that stage and one
   * that remembers may be on either side of it.
   */
  async run(
    buffers: Pick<RunBuffers, 'input' | 'output'>,
    conditions: Readonly<Record<string, number>>,
  ): Promise<SessionRun> {
    const sequence = this.#sequence;
    let { input, output } = buffers;
    let taken: RunBuffers['taken'];
    let inferMilliseconds = 0;
    for (const [index, stage] of this.#stages.entries()) {
      const { session, free } = stage;
      this.#checkAhead(index);
      begin(stage, sequence);
      try {
        const run = await session.run({ input, output, taken, given: free.pop() }, conditions);
        if (run.taken !== undefined) {
          this.#stages[index - 1]?.free.push(run.taken);
        }
        ({ input, output, given: taken } = run);
        inferMilliseconds += run.inferMilliseconds;
      } catch (error) {
        this.#forgetBut(session);
        throw error;
      }
    }
    return { input, output, inferMilliseconds };
  }

  /** {@inheritDoc Session.reset} */
  reset(): void {
    this.#sequence += 1;
  }

  /** {@inheritDoc Session.close} */
  async close(): Promise<void> {
    await Promise.all(this.#stages.map(({ session }) => session.close()));
  }

  /** {@inheritDoc Session.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Refuses a frame that would go through stages only to be refused by one that takes no more. */
  #checkAhead(from: number): void {
    const ended = this.#stages.slice(from).find(({ session }) => session.ended !== undefined)?.session.ended;
    if (ended !== undefined) {
      throw ended;
    }
  }

  /** Forgets everywhere but where a run has failed: that worker has forgotten by itself, before its next run. */
  #forgetBut(failed: Session): void {
    for (const { session, remembers } of this.#stages) {
      if (remembers && session !== failed) {
        session.reset();
      }
    }
  }
}

/** Lets a stage forget, where the frame that comes to it is of another sequence than the one before. */
function begin(stage: Stage, sequence: number): void {
  if (stage.remembers && stage.sequence !== sequence) {
    // Not as soon as it is asked for: frames of the sequence before may have been on their way to this stage then.
    stage.session.reset();
  }
  stage.sequence = sequence;
}

/** What a stage takes from the one before, which has found out the shapes. */
function handed(graph: string, takes: readonly string[], before: Stage | undefined): readonly HandedTensor[] {
  return takes.map((tensor) => {
    const given = before?.session.gives.find((one) => one.tensor === tensor);
    if (given === undefined) {
      throw cannotSplit(graph, [tensor], 'what gives it says no shape of it');
    }
    return given;
  });
}

async function readStages(
  { graph, output, states }: Pick<SessionOptions, 'graph' | 'output' | 'states'>,
  splits: StagedSessionOptions['splitAt'],
): Promise<readonly StageGraph[]> {
  try {
    return splitGraph(await readFile(graph), { splits, output, states });
  } catch (cause) {
    throw cannotSplit(graph, splits.flat(), (cause as Error).message, cause);
  }
}

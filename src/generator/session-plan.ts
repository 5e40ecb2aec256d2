import { UsageError } from '../errors/errors.js';
import { executionProviders, type ProviderName } from './execution-providers.js';

/** How many sessions side by side, and how many threads each. */
export interface SessionPlan {
  readonly sessions: number;
  readonly threads: number;
}

/** What the user asked for, where they did. */
export interface PlanRequest {
  readonly sessions?: number | undefined;
  readonly threads?: number | undefined;
}

/** What a plan has to heed beside the cores. */
export interface PlanLimits {
  /** Bytes of the model's weights, which every session holds. */
  readonly modelBytes: number;
  /** Bytes of memory that there are. */
  readonly memoryBytes: number;
  /** Whether the model carries state from frame to frame. */
  readonly remembers: boolean;
  /** Whether its graph may be run in stages. */
  readonly splits: boolean;
}

/**
 * Sessions that a machine gets by default. One-threaded sessions, one a core, beat one session with all threads by
 * 25 to 30 % on video files: nothing waits for the slowest thread, and ffmpeg gets the gaps. But each holds its own
 * memory for intermediate results and a latency of its own, so that many cores go into more threads rather than more
 * sessions.
 */
const mostSessions = 8;

/**
 * Bytes of weights above which a model gets one session, with all threads: every session holds its own copy of them, and
 * takes long enough over a frame that waiting for the slowest thread costs nothing.
 */
export const largeModelBytes = 100e6;

/**
 * Threads of the one session that a model with memory gets: one that saw every other frame would smooth half as much, and
 * two of them would differ from each other. A small network gains nothing from more threads; in two stages, on 16 cores,
 * 4 and 2 threads gave 15 % more frames a second than 4 and 4.
 */
const mostThreads = 8;
const mostThreadsInStages = 6;

/** Threads of a last stage, which has less to do: two keep up with a first stage of four. */
const mostThreadsOfLast = 2;

/**
 * The sessions and threads to run a provider with.
 *
 * @param limits - What the model takes, and what there is.
 * @param onNotice - Told when the provider can't run as many sessions as were asked for.
 */
export function planSessions(
  provider: ProviderName,
  cores: number,
  { sessions: asked, threads }: PlanRequest,
  { modelBytes, memoryBytes, remembers, splits }: PlanLimits,
  onNotice?: (notice: string) => void,
): SessionPlan {
  check('sessions', asked);
  check('threads', threads);
  // A fifth is left to the frames, to intermediate results and to everybody else.
  const fitting = Math.max(1, Math.floor((memoryBytes * 0.8) / Math.max(modelBytes, 1)));
  const sessions = asked === undefined ? undefined : Math.min(asked, fitting);
  if (sessions !== asked) {
    onNotice?.(`Memory is enough for ${String(sessions)} of ${String(asked)} sessions of this model.`);
  }
  if (provider !== 'cpu') {
    const { concurrentSessions } = executionProviders[provider];
    if (sessions !== undefined && sessions > 1 && !concurrentSessions) {
      onNotice?.(`${provider} runs one session at a time: 1 is used, not ${sessions}.`);
    }
    // A GPU is filled by one session; the threads are for what it leaves to the CPU.
    return { sessions: concurrentSessions ? (sessions ?? 1) : 1, threads: threads ?? Math.min(cores, 4) };
  }
  const count = sessions ?? (remembers ? 1 : defaultSessions(cores, threads, modelBytes));
  const mostOfSmall = splits ? mostThreadsInStages : mostThreads;
  const most = remembers && modelBytes <= largeModelBytes ? mostOfSmall : cores;
  return { sessions: count, threads: threads ?? Math.max(1, Math.min(most, Math.floor(cores / count))) };
}

/**
 * Threads of each stage of a session. On a CPU a graph that can be split is run in stages, which share the threads: a small
 * network's threads wait for each other several hundred times a frame, stages once.
 *
 * From two threads on, each stage has one at least: three stages have three where two were asked for. On two cores no more than
 * two of these run at a time, whichever have a frame: both cores are busy though no stage is half of the work, and nothing
 * waits but for a core.
 *
 * @param threads - Threads of the session.
 * @param stages - How many its graph can be run in.
 */
export function planStages(provider: ProviderName, threads: number, stages: number): readonly number[] {
  if (provider !== 'cpu' || stages === 1 || threads < 2) {
    return [threads];
  }
  const last = Math.max(1, Math.min(mostThreadsOfLast, Math.floor(threads / stages)));
  const others = stages - 1;
  // What doesn't come out even is for those that come first.
  const shares = Array.from({ length: others }, (_, stage) =>
    Math.floor((threads - last + others - 1 - stage) / others),
  );
  return [...shares.map((share) => Math.max(1, share)), last];
}

function defaultSessions(cores: number, threads: number | undefined, modelBytes: number): number {
  return modelBytes > largeModelBytes ? 1 : Math.max(1, Math.min(mostSessions, Math.floor(cores / (threads ?? 1))));
}

function check(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= 256)) {
    throw new UsageError(`${name} is ${String(value)}; it has to be a whole number from 1 to 256.`);
  }
}

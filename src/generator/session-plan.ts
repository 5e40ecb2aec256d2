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

/**
 * Sessions that a machine gets by default. One-threaded sessions, one a core, beat one session with all threads by
 * 25 to 30 % on video files: nothing waits for the slowest thread, and ffmpeg gets the gaps. But each holds its own
 * memory for intermediate results and a latency of its own, so that many cores go into more threads rather than more
 * sessions.
 */
const mostSessions = 8;

/**
 * The sessions and threads to run a provider with.
 *
 * @param onNotice - Told when the provider can't run as many sessions as were asked for.
 */
export function planSessions(
  provider: ProviderName,
  cores: number,
  { sessions, threads }: PlanRequest,
  onNotice?: (notice: string) => void,
): SessionPlan {
  check('sessions', sessions);
  check('threads', threads);
  if (provider !== 'cpu') {
    const { concurrentSessions } = executionProviders[provider];
    if (sessions !== undefined && sessions > 1 && !concurrentSessions) {
      onNotice?.(`${provider} runs one session at a time: 1 is used, not ${sessions}.`);
    }
    // A GPU is filled by one session; the threads are for what it leaves to the CPU.
    return { sessions: concurrentSessions ? (sessions ?? 1) : 1, threads: threads ?? Math.min(cores, 4) };
  }
  const count = sessions ?? Math.max(1, Math.min(mostSessions, Math.floor(cores / (threads ?? 1))));
  return { sessions: count, threads: threads ?? Math.max(1, Math.floor(cores / count)) };
}

function check(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= 256)) {
    throw new UsageError(`${name} is ${String(value)}; it has to be a whole number from 1 to 256.`);
  }
}

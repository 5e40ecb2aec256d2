import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Worker } from 'node:worker_threads';

import { expect } from 'vitest';

import { until } from '../../live/support.js';
import { ffmpegChildren } from '../../support/media.js';

/** What could be left behind: processes, worker threads, open files and sockets, timers of this process. */
export interface Leftovers {
  readonly ffmpegs: number;
  readonly workers: number;
  /** Open descriptors; 0 where the system doesn't tell (not Linux). */
  readonly descriptors: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** Kinds of resources that a server or a translation may hold. */
const kinds = ['MessagePort', 'Worker', 'TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap', 'PipeWrap', 'Timeout'];
const descriptors = '/proc/self/fd';

/** The worker threads that live, the newest last. */
export const liveWorkers = new Set<Worker>();
process.on('worker', (worker) => {
  liveWorkers.add(worker);
  worker.once('exit', () => liveWorkers.delete(worker));
});

/** Counts what there is just now. */
export function countLeftovers(): Leftovers {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().filter((name) => kinds.includes(name))) {
    resources[kind] = (resources[kind] ?? 0) + 1;
  }
  return {
    ffmpegs: ffmpegChildren().length,
    workers: liveWorkers.size,
    descriptors: existsSync(descriptors) ? readdirSync(descriptors).length : 0,
    resources,
  };
}

/** Counts what there is when the programs of what went before are gone, which takes a moment. */
export async function settledLeftovers(): Promise<Leftovers> {
  await until('all of it gone', () => !('ProcessWrap' in countLeftovers().resources));
  return countLeftovers();
}

/** Expects that within seconds all is as it was. */
export async function expectLeftovers(before: Leftovers): Promise<void> {
  // Not by polling of the test runner's, whose timers would be counted.
  for (let left = 150; left > 0 && !isDeepStrictEqual(countLeftovers(), before); left -= 1) {
    await sleep(100);
  }
  expect(countLeftovers()).toEqual(before);
}

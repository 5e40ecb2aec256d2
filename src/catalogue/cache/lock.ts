import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { lock } from 'proper-lockfile';

import { throwIfCanceled, Vid2VidError } from '../../errors/errors.js';
import type { CacheFolder } from './cache-folder.js';

/** Milliseconds without a sign of life after which a lock's owner counts as gone. */
const staleAfter = 60_000;
/** The same where the owner was a process of this machine and isn't there any more; the least the library takes. */
const staleAfterDeath = 2_000;
const heartbeat = 5_000;
const retryInterval = 250;

/** How to wait for a lock. */
export interface LockOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Told once, when another process has it. */
  readonly onWait?: ((owner: string) => void) | undefined;
}

/**
 * Does `work` while no other process does work of the same name with the same folder for locks: a cache's, or another.
 * Locks are folders that their owner touches every few seconds: that works on every file system, and one whose owner was
 * killed is taken over.
 */
export async function withLock<T>(
  { locks }: Pick<CacheFolder, 'locks'>,
  name: string,
  { signal, onWait }: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const file = path.join(locks, name);
  const lost = new AbortController();
  const release = await acquire(file, signal, onWait, (error) => lost.abort(error));
  try {
    return await work(signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]));
  } catch (error) {
    if (lost.signal.aborted) {
      throw new Vid2VidError('output-unwritable', `The lock ${file}.lock was lost while it was held.`, {
        remedy: 'Do it again; the machine may have slept, or another program removed it.',
        cause: lost.signal.reason,
      });
    }
    throw error;
  } finally {
    if (!lost.signal.aborted) {
      await rm(`${file}.owner`, { force: true });
      await release();
    }
  }
}

async function acquire(
  file: string,
  signal: AbortSignal | undefined,
  onWait: LockOptions['onWait'],
  onCompromised: (error: Error) => void,
): Promise<() => Promise<void>> {
  for (let waited = false; ; waited = true) {
    throwIfCanceled(signal);
    const owner = waited ? await readOwner(file) : undefined;
    try {
      const release = await lock(file, {
        realpath: false,
        stale: owner !== undefined && isGone(owner) ? staleAfterDeath : staleAfter,
        update: heartbeat,
        onCompromised,
      });
      await writeFile(`${file}.owner`, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner));
      return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') {
        throw error;
      }
    }
    if (!waited) {
      const { pid } = (await readOwner(file)) ?? {};
      onWait?.(pid === undefined ? 'Another process' : `Another process (${pid})`);
    }
    await delay(retryInterval, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** Whose a lock is: only used to tell the user, and to notice a death sooner. */
interface Owner {
  readonly pid: number;
  readonly host: string;
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(`${file}.owner`, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isGone({ pid, host }: Owner): boolean {
  if (host !== hostname() || !Number.isInteger(pid)) {
    return false;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

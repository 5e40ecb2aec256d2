import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { openLiveTranslation, type AccessUnit, type LiveStatus, type LiveTranslation } from '../../dist/index.js';
import type { LiveTranslationOptions } from '../../dist/index.js';

/** A live translation and all that it has said. */
export interface Watched extends AsyncDisposable {
  readonly live: LiveTranslation;
  readonly units: AccessUnit[];
  readonly states: LiveStatus['state'][];
  readonly notices: string[];
  /** Units of one kind. */
  of(track: AccessUnit['track'], codec?: AccessUnit['codec']): AccessUnit[];
}

/** Opens one and writes down what it says. */
export async function watch(options: Omit<LiveTranslationOptions, 'onAccessUnit'>): Promise<Watched> {
  const units: AccessUnit[] = [];
  const states: LiveStatus['state'][] = [];
  const notices: string[] = [];
  const live = await openLiveTranslation({
    ...options,
    onAccessUnit: (unit) => units.push(unit),
    onStatus: (status) => {
      states.push(status.state);
      options.onStatus?.(status);
    },
    onNotice: (notice) => notices.push(notice),
  });
  return {
    ...{ live, units, states, notices },
    of: (track, codec = 'h264') => units.filter((unit) => unit.track === track && unit.codec === codec),
    [Symbol.asyncDispose]: () => live.close(),
  };
}

/** Waits until something is so; an error that says what, when it never is. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  for (let left = seconds * 20; !(await isSo()); left -= 1) {
    if (left === 0) {
      throw new Error(`Waited in vain: ${what}`);
    }
    await sleep(50);
  }
}

/** Process ids of this process's ffmpegs whose command line holds a text. */
export function ffmpegsWith(text: string): number[] {
  const listed = spawnSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).stdout;
  return listed.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', args = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    return Number(parent) === process.pid && !state.startsWith('Z') && args.includes(text) ? [Number(pid)] : [];
  });
}

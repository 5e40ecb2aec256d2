import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { RunBuffers } from '../../dist/generator/session-protocol.js';
import { frameMilliseconds, type TimedSession } from '../../dist/generator/session-time.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets so many work at once, the others in the order in which they came. */
function coresOf(count: number) {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (milliseconds: number) => {
    if (free === 0) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      free -= 1;
    }
    await new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
    const next = waiting.shift();
    if (next === undefined) {
      free += 1;
    } else {
      next();
    }
  };
}

/** A session whose stages take so long over a frame, and one frame at a time; and what was asked of it. */
function sessionOf(milliseconds: readonly number[], cores = milliseconds.length) {
  const asked = { runs: 0, resets: 0 };
  const free = milliseconds.map(() => Promise.resolve());
  const work = coresOf(cores);
  const session: TimedSession = {
    stages: milliseconds.length,
    run: async (buffers: RunBuffers) => {
      asked.runs += 1;
      for (const [stage, time] of milliseconds.entries()) {
        const own = (free[stage] ?? Promise.resolve()).then(() => work(time));
        free[stage] = own;
        await own;
      }
      return { ...buffers, inferMilliseconds: milliseconds.reduce((sum, time) => sum + time) };
    },
    reset: () => {
      asked.resets += 1;
    },
  };
  return { session, asked };
}

async function timeOf(session: TimedSession): Promise<number> {
  const time = frameMilliseconds(session, 12);
  await vi.runAllTimersAsync();
  return time;
}

test('a session of one stage takes what a frame takes', async () => {
  const { session, asked } = sessionOf([40]);
  expect(await timeOf(session)).toBe(40);
  expect(asked).toEqual({ runs: 3, resets: 1 });
});

test.each([
  [[20, 20], 20],
  [[30, 10], 30],
  [[10, 30], 30],
  [[10, 30, 20], 30],
])('one of stages of %j ms takes what the slowest takes', async (stages, expected) => {
  const { session, asked } = sessionOf(stages);
  expect(await timeOf(session)).toBe(expected);
  expect(asked).toEqual({ runs: 3 * (2 * stages.length + 2), resets: 1 });
});

test.each([
  [[20, 20, 20], 30],
  [[20, 20, 10], 25],
  [[40, 10, 10], 40],
])('one of stages of %j ms on two cores takes half of all, or what the slowest takes', async (stages, expected) => {
  const { session } = sessionOf(stages, 2);
  expect(await timeOf(session)).toBeCloseTo(expected, 0);
});

test('a slow one is timed once', async () => {
  const { session, asked } = sessionOf([1500]);
  expect(await timeOf(session)).toBe(1500);
  expect(asked.runs).toBe(1);
});

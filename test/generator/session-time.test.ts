import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { frameMilliseconds, type TimedSession } from '../../dist/generator/session-time.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A session whose stages take so long over a frame, and one frame at a time; and what was asked of it. */
function sessionOf(stages: 1 | 2, ...milliseconds: number[]) {
  const asked = { runs: 0, resets: 0 };
  const free = milliseconds.map(() => Promise.resolve());
  const session: TimedSession = {
    stages,
    run: async (buffers) => {
      asked.runs += 1;
      for (const [stage, time] of milliseconds.entries()) {
        const before = free[stage];
        const own = (before ?? Promise.resolve()).then(() => new Promise<void>((resolve) => setTimeout(resolve, time)));
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
  const { session, asked } = sessionOf(1, 40);
  expect(await timeOf(session)).toBe(40);
  expect(asked).toEqual({ runs: 3, resets: 1 });
});

test.each([
  [20, 20, 20],
  [30, 10, 30],
  [10, 30, 30],
])('one of two stages of %i and %i ms takes what the slower one takes', async (first, second, expected) => {
  const { session, asked } = sessionOf(2, first, second);
  expect(await timeOf(session)).toBe(expected);
  expect(asked).toEqual({ runs: 12, resets: 1 });
});

test('a slow one is timed once', async () => {
  const { session, asked } = sessionOf(1, 1500);
  expect(await timeOf(session)).toBe(1500);
  expect(asked.runs).toBe(1);
});

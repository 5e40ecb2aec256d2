import { describe, expect, test } from 'vitest';

import { planSessions } from '../../dist/generator/session-plan.js';

describe('sessions and threads', () => {
  test.each([
    [1, {}, { sessions: 1, threads: 1 }],
    [2, {}, { sessions: 2, threads: 1 }],
    [8, {}, { sessions: 8, threads: 1 }],
    [32, {}, { sessions: 8, threads: 4 }],
    [8, { sessions: 1 }, { sessions: 1, threads: 8 }],
    [8, { threads: 4 }, { sessions: 2, threads: 4 }],
    [2, { threads: 4 }, { sessions: 1, threads: 4 }],
    [2, { sessions: 4 }, { sessions: 4, threads: 1 }],
    [2, { sessions: 3, threads: 2 }, { sessions: 3, threads: 2 }],
  ])('on a CPU of %i cores, asked for %j: %j', (cores, request, plan) => {
    expect(planSessions('cpu', cores, request)).toEqual(plan);
  });

  test('a GPU has one session, and more where it can run them and they are asked for', () => {
    expect(planSessions('cuda', 16, {})).toMatchObject({ sessions: 1 });
    expect(planSessions('cuda', 16, { sessions: 2 })).toMatchObject({ sessions: 2 });
  });

  test('WebGPU has one session whatever is asked for, and says so', () => {
    const notices: string[] = [];
    expect(planSessions('webgpu', 16, { sessions: 4 }, (notice) => notices.push(notice))).toMatchObject({
      sessions: 1,
    });
    expect(notices).toEqual(['webgpu runs one session at a time: 1 is used, not 4.']);
  });

  test.each([0, -1, 1.5, Number.NaN, 1e6])('%d of them is refused', (count) => {
    expect(() => planSessions('cpu', 2, { sessions: count })).toThrow(/^sessions is .*whole number/);
    expect(() => planSessions('cpu', 2, { threads: count })).toThrow(/^threads is .*whole number/);
  });
});

import { describe, expect, test } from 'vitest';

import { planSessions, planStages } from '../../dist/generator/session-plan.js';

const small = { modelBytes: 4e6, memoryBytes: 16e9, remembers: false, splits: false };
const large = { modelBytes: 3.8e9, memoryBytes: 16e9, remembers: false, splits: false };

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
    expect(planSessions('cpu', cores, request, small)).toEqual(plan);
  });

  test('a large model has one session with all cores, and more only as far as memory goes', () => {
    expect(planSessions('cpu', 8, {}, large)).toEqual({ sessions: 1, threads: 8 });
    expect(planSessions('cpu', 8, { sessions: 2 }, large)).toEqual({ sessions: 2, threads: 4 });
    const notices: string[] = [];
    const plan = planSessions('cpu', 8, { sessions: 8 }, large, (notice) => notices.push(notice));
    expect(plan).toEqual({ sessions: 3, threads: 2 });
    expect(notices).toEqual(['Memory is enough for 3 of 8 sessions of this model.']);
  });

  test('a model with memory sees every frame in one session, unless more are asked for', () => {
    expect(planSessions('cpu', 2, {}, { ...small, remembers: true })).toEqual({ sessions: 1, threads: 2 });
    expect(planSessions('cpu', 32, {}, { ...small, remembers: true })).toEqual({ sessions: 1, threads: 8 });
    expect(planSessions('cpu', 32, {}, { ...large, remembers: true })).toEqual({ sessions: 1, threads: 32 });
    expect(planSessions('cpu', 2, { sessions: 2 }, { ...small, remembers: true })).toEqual({ sessions: 2, threads: 1 });
  });

  test.each([
    [2, {}, { sessions: 1, threads: 2 }],
    [4, {}, { sessions: 1, threads: 4 }],
    [8, {}, { sessions: 1, threads: 6 }],
    [32, {}, { sessions: 1, threads: 6 }],
    [8, { sessions: 2 }, { sessions: 2, threads: 4 }],
    [32, { threads: 8 }, { sessions: 1, threads: 8 }],
  ])('a model with memory in stages, on %i cores, asked for %j: %j', (cores, request, plan) => {
    expect(planSessions('cpu', cores, request, { ...small, remembers: true, splits: true })).toEqual(plan);
  });

  test('a GPU has one session, and more where it can run them and they are asked for', () => {
    expect(planSessions('cuda', 16, {}, small)).toMatchObject({ sessions: 1 });
    expect(planSessions('cuda', 16, { sessions: 2 }, small)).toMatchObject({ sessions: 2 });
  });

  test('WebGPU has one session whatever is asked for, and says so', () => {
    const notices: string[] = [];
    expect(planSessions('webgpu', 16, { sessions: 4 }, small, (notice) => notices.push(notice))).toMatchObject({
      sessions: 1,
    });
    expect(notices).toEqual(['webgpu runs one session at a time: 1 is used, not 4.']);
  });

  test.each([0, -1, 1.5, Number.NaN, 1e6])('%d of them is refused', (count) => {
    expect(() => planSessions('cpu', 2, { sessions: count }, small)).toThrow(/^sessions is .*whole number/);
    expect(() => planSessions('cpu', 2, { threads: count }, small)).toThrow(/^threads is .*whole number/);
  });
});

describe('stages', () => {
  test.each([
    [1, [1], [1]],
    [2, [1, 1], [1, 1, 1]],
    [3, [2, 1], [1, 1, 1]],
    [4, [2, 2], [2, 1, 1]],
    [5, [3, 2], [2, 2, 1]],
    [6, [4, 2], [2, 2, 2]],
    [8, [6, 2], [3, 3, 2]],
    [9, [7, 2], [4, 3, 2]],
  ])('of %i threads on a CPU: %j if there are two, %j if three', (threads, two, three) => {
    expect(planStages('cpu', threads, 2)).toEqual(two);
    expect(planStages('cpu', threads, 3)).toEqual(three);
    expect(planStages('cpu', threads, 1)).toEqual([threads]);
    expect(planStages('cuda', threads, 3)).toEqual([threads]);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import type { Frame, Generator, Translation } from '../../dist/index.js';
import { LivePump } from '../../dist/pipeline/live-pump.js';
import { CountingPool } from '../support/counting-pool.js';

const bytes = 4 * 2 * 3;

/** A generator whose answers the test gives, by frame number. */
function controlled(sessions: number, stages = 1) {
  const answers = new Map<number, { done: () => void; fail: (error: Error) => void }>();
  const close = () => Promise.resolve();
  /** What was asked of it, in order. */
  const steps: (number | 'reset')[] = [];
  const generator = {
    ...{
      capacity: (stages + 1) * sessions,
      sessions,
      threads: 1,
      provider: 'cpu',
      close,
      [Symbol.asyncDispose]: close,
    },
    reset: () => steps.push('reset'),
    translate: (frame: Frame, into: ArrayBuffer) => {
      steps.push(frame.index);
      return new Promise<Translation>((resolve, fail) => {
        const translated = { ...frame, pixels: new Uint8Array(into) };
        const done = () => resolve({ frame: translated, source: frame, inferMilliseconds: 1 });
        answers.set(frame.index, { done, fail });
      });
    },
  } as unknown as Generator;
  const finish = async (index: number) => {
    answers.get(index)?.done();
    answers.delete(index);
    await sleep(0);
  };
  const fail = async (index: number) => {
    answers.get(index)?.fail(new Error('crashed'));
    answers.delete(index);
    await sleep(0);
  };
  return { generator, finish, fail, steps, underWay: () => [...answers.keys()] };
}

function setUp() {
  const pool = new CountingPool(bytes);
  const given: number[] = [];
  const dropped: string[] = [];
  const failed: Generator[] = [];
  const pump = new LivePump<Frame>({
    conditions: () => ({}),
    onTranslated: (translated, original) => {
      given.push(translated.index);
      pool.release(translated.pixels.buffer);
      pool.release(original.pixels.buffer);
    },
    onDrop: (where) => dropped.push(where),
    onFailure: (generator) => failed.push(generator),
  });
  const frameOf = (index: number) => ({ index, width: 4, height: 2, timestamp: index });
  const offer = (index: number) => pump.offer({ ...frameOf(index), pixels: new Uint8Array(pool.acquire()) }, pool);
  const offerAfterGap = (index: number) =>
    pump.offer({ ...frameOf(index), pixels: new Uint8Array(pool.acquire()) }, pool, false);
  return { pool, given, dropped, failed, pump, offer, offerAfterGap };
}

describe('the newest frame wins', () => {
  test('one frame a session is under way, the newest waits, older ones are counted and let go', async () => {
    const { pool, given, dropped, pump, offer } = setUp();
    const { generator, finish, underWay } = controlled(1);
    await pump.use(generator);
    [0, 1, 2, 3].forEach(offer);
    expect(underWay()).toEqual([0]);
    expect(dropped).toEqual(['generator', 'generator']);
    await finish(0);
    expect(underWay()).toEqual([3]);
    await finish(3);
    expect(given).toEqual([0, 3]);
    expect(pool.out).toBe(0);
  });

  test.each([
    [2, [0, 1], [1, 3]],
    [3, [0, 1, 2], [1, 2, 4]],
  ])('each of %i stages of a session has one under way', async (stages, first, later) => {
    const { pool, given, dropped, pump, offer } = setUp();
    const { generator, finish, underWay } = controlled(1, stages);
    await pump.use(generator);
    Array.from({ length: stages + 2 }, (_, index) => offer(index));
    expect(underWay()).toEqual(first);
    expect(dropped).toEqual(['generator']);
    await finish(0);
    expect(underWay()).toEqual(later);
    for (const index of later) {
      await finish(index);
    }
    expect(given).toEqual([0, ...later]);
    expect(pool.out).toBe(0);
  });

  test('buffers go round: a thousand frames need no more than are under way', async () => {
    const { pool, given, dropped, pump, offer } = setUp();
    const { generator, finish, underWay } = controlled(1);
    await pump.use(generator);
    for (let index = 0; index < 1000; index += 1) {
      offer(index);
      if (index % 3 === 2) {
        await finish(underWay()[0] ?? -1);
      }
    }
    await finish(underWay()[0] ?? -1);
    await finish(underWay()[0] ?? -1);
    expect(given.length + dropped.length).toBe(1000);
    expect(given).toEqual([...given].sort((a, b) => a - b));
    expect(pool.out).toBe(0);
    expect(pool.made.size).toBeLessThanOrEqual(4);
  });

  test('a frame that is done after a newer one is dropped, so that time never goes back', async () => {
    const { pool, given, dropped, pump, offer } = setUp();
    const { generator, finish } = controlled(2);
    await pump.use(generator);
    [0, 1].forEach(offer);
    await finish(1);
    await finish(0);
    expect(given).toEqual([1]);
    expect(dropped).toEqual(['late']);
    expect(pool.out).toBe(0);
  });

  test('without a generator nothing is lost but what is old', async () => {
    const { given, pump, offer } = setUp();
    [0, 1].forEach(offer);
    const { generator, finish } = controlled(1);
    await pump.use(generator);
    await finish(1);
    expect(given).toEqual([1]);
  });
});

test('another generator takes over between two frames, and the old one is told when it is idle', async () => {
  const { given, pump, offer } = setUp();
  const old = controlled(1);
  const next = controlled(1);
  await pump.use(old.generator);
  [0, 1].forEach(offer);
  let idle = false;
  const swapped = pump.use(next.generator).then(() => (idle = true));
  expect(next.underWay()).toEqual([1]);
  await sleep(0);
  expect(idle).toBe(false);
  await old.finish(0);
  await swapped;
  await next.finish(1);
  expect(given).toEqual([0, 1]);
});

test('a model with memory begins anew where frames do not follow each other, and only there', async () => {
  const { pump, offer, offerAfterGap } = setUp();
  const { generator, finish, steps } = controlled(1);
  await pump.use(generator);
  // One is dropped for a newer one: that is no gap.
  [0, 1, 2].forEach(offer);
  await finish(0);
  await finish(2);
  offerAfterGap(3);
  // The first after the gap is dropped, and what takes its place is the first.
  offerAfterGap(4);
  offer(5);
  await finish(3);
  await finish(5);
  pump.clear();
  offer(6);
  expect(steps).toEqual(['reset', 0, 2, 'reset', 3, 'reset', 5, 'reset', 6]);
});

test('a generator that fails gets no more frames, and its owner is told', async () => {
  const { failed, pump, offer } = setUp();
  const { generator, fail, underWay } = controlled(1);
  await pump.use(generator);
  offer(0);
  await fail(0);
  offer(1);
  expect(failed).toEqual([generator]);
  expect(underWay()).toEqual([]);
});

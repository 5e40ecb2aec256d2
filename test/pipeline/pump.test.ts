import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import type { Frame, FramePool, FrameSource, Generator, Translation } from '../../dist/index.js';
import { pump, type PumpOptions, type TranslationSink } from '../../dist/pipeline/pump.js';
import { CountingPool } from '../support/counting-pool.js';

const bytes = 4 * 2 * 3;

/** A source of so many frames, the first pixel of each its number. */
function sourceOf(count: number, pool: FramePool, read: (index: number) => Promise<void> = () => Promise.resolve()) {
  let index = 0;
  const close = () => Promise.resolve();
  const source: FrameSource = {
    format: {
      width: 4,
      height: 2,
      timeBase: { numerator: 1, denominator: 25 },
      frameRate: undefined,
      sampleAspectRatio: undefined,
    },
    read: async (): Promise<Frame | undefined> => {
      await read(index);
      if (index === count) {
        return undefined;
      }
      const pixels = new Uint8Array(pool.acquire()).fill(index);
      index += 1;
      return { index: index - 1, width: 4, height: 2, timestamp: (index - 1) * 3, pixels };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return source;
}

/** A generator that answers when it likes; keeps account of what is under way. */
function generatorOf(capacity: number, work: (index: number) => Promise<void>) {
  const account = { underWay: 0, most: 0, asked: 0, answered: [] as number[] };
  const close = () => Promise.resolve();
  const generator = {
    capacity,
    sessions: capacity / 2,
    threads: 1,
    provider: 'cpu',
    translate: async (frame: Frame, into: ArrayBuffer): Promise<Translation> => {
      account.underWay += 1;
      account.asked += 1;
      account.most = Math.max(account.most, account.underWay);
      await work(frame.index);
      account.underWay -= 1;
      account.answered.push(frame.index);
      const pixels = new Uint8Array(into).fill(255 - frame.index);
      return { frame: { ...frame, pixels }, source: frame, inferMilliseconds: 1 };
    },
    close,
    [Symbol.asyncDispose]: close,
  } as unknown as Generator;
  return { generator, account };
}

function collect(write: (index: number) => Promise<void> = () => Promise.resolve()) {
  const seen: { index: number; timestamp: number; pixel: number | undefined; original: number | undefined }[] = [];
  const sink: TranslationSink = {
    write: async (translated, original) => {
      expect(original.index).toBe(translated.index);
      seen.push({
        index: translated.index,
        timestamp: translated.timestamp,
        pixel: translated.pixels[0],
        original: original.pixels[0],
      });
      await write(translated.index);
    },
  };
  return { sink, seen };
}

function run(parts: Pick<PumpOptions, 'source' | 'sink' | 'generator' | 'pool'> & Partial<PumpOptions>) {
  return pump({ conditions: () => ({}), ...parts });
}

/** A delay that depends on the frame and not on chance. */
const uneven = (index: number) => sleep(((index * 7919) % 13) + 1);

describe('order', () => {
  test('frames come out in the order they went in, whichever session is first', async () => {
    const pool = new CountingPool(bytes);
    const { generator, account } = generatorOf(6, uneven);
    const { sink, seen } = collect();
    const told: number[] = [];
    const result = await run({
      ...{ source: sourceOf(100, pool), sink, generator, pool },
      onFrame: (framesOut) => told.push(framesOut),
    });
    expect(account.answered).not.toEqual([...account.answered].sort((a, b) => a - b));
    expect(seen).toEqual(
      Array.from({ length: 100 }, (_, index) => ({ index, timestamp: index * 3, pixel: 255 - index, original: index })),
    );
    expect(told).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(result).toMatchObject({ framesIn: 100, framesOut: 100 });
    expect(result.meters.infer.percentile(0.5)).toBeCloseTo(1, 0);
  });

  test('the conditions of a frame are those of its time', async () => {
    const pool = new CountingPool(bytes);
    const { generator } = generatorOf(2, uneven);
    const asked: number[] = [];
    const conditions = (frame: Frame) => {
      asked.push(frame.timestamp);
      return {};
    };
    await run({ source: sourceOf(5, pool), ...collect(), generator, pool, conditions });
    expect(asked).toEqual([0, 3, 6, 9, 12]);
  });

  test('no frame at all', async () => {
    const pool = new CountingPool(bytes);
    const { generator } = generatorOf(2, uneven);
    const result = await run({ source: sourceOf(0, pool), ...collect(), generator, pool });
    expect(result).toMatchObject({ framesIn: 0, framesOut: 0 });
    expect(result.meters.infer.percentile(0.95)).toBe(0);
  });
});

describe('how much is under way', () => {
  test.each([2, 3, 8])('never more than a capacity of %i, and all of it where the sink keeps up', async (capacity) => {
    const pool = new CountingPool(bytes);
    const { generator, account } = generatorOf(capacity, () => sleep(4));
    await run({ source: sourceOf(60, pool), ...collect(), generator, pool });
    expect(account.most).toBe(capacity);
  });

  test('a slow sink holds the source back', async () => {
    const pool = new CountingPool(bytes);
    let read = 0;
    let written = 0;
    let ahead = 0;
    const source = sourceOf(40, pool, () => {
      read += 1;
      ahead = Math.max(ahead, read - written);
      return Promise.resolve();
    });
    const { generator } = generatorOf(4, () => Promise.resolve());
    const { sink } = collect(async () => {
      await sleep(3);
      written += 1;
    });
    await run({ source, sink, generator, pool });
    // Four in the network, one being written, one read and waiting, one being read.
    expect(ahead).toBeLessThanOrEqual(7);
  });

  test('buffers go round: 500 frames take no more than are under way, and all come back', async () => {
    const pool = new CountingPool(bytes);
    const { generator } = generatorOf(4, () => sleep(0));
    await run({ source: sourceOf(500, pool), ...collect(), generator, pool });
    expect(pool.made.size).toBeLessThanOrEqual(2 * (4 + 3));
    expect(pool.out).toBe(0);
  });
});

describe('failures come out as they are, and nothing goes on behind them', () => {
  test('of the source', async () => {
    const pool = new CountingPool(bytes);
    const failure = new Error('the film tore');
    const source = sourceOf(50, pool, (index) => (index === 20 ? Promise.reject(failure) : Promise.resolve()));
    const { generator } = generatorOf(2, uneven);
    const { sink, seen } = collect();
    await expect(run({ source, sink, generator, pool })).rejects.toBe(failure);
    const written = seen.length;
    expect(written).toBeLessThanOrEqual(20);
    await sleep(60);
    expect(seen.length).toBeLessThanOrEqual(written + 2);
  });

  test('of the sink', async () => {
    const pool = new CountingPool(bytes);
    const failure = new Error('the disk is full');
    const { generator, account } = generatorOf(2, uneven);
    const { sink } = collect((index) => (index === 10 ? Promise.reject(failure) : Promise.resolve()));
    await expect(run({ source: sourceOf(1000, pool), sink, generator, pool })).rejects.toBe(failure);
    await sleep(60);
    expect(account.asked).toBeLessThanOrEqual(10 + 1 + 2 + 1);
  });

  test('of the network, even of a frame that is not the next to be written', async () => {
    const pool = new CountingPool(bytes);
    const failure = new Error('the device went away');
    const { generator, account } = generatorOf(4, async (index) => {
      await sleep(index === 9 ? 30 : 1);
      if (index === 11) {
        throw failure;
      }
    });
    const { sink, seen } = collect();
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    await expect(run({ source: sourceOf(1000, pool), sink, generator, pool })).rejects.toBe(failure);
    await sleep(60);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(seen.map(({ index }) => index)).toEqual([...Array(11).keys()]);
    expect(account.asked).toBeLessThanOrEqual(11 + 4 + 1);
  });
});

describe('its signal', () => {
  test('stops it, though source and network never answer again', async () => {
    const pool = new CountingPool(bytes);
    const stop = new AbortController();
    const never = new Promise<void>(() => undefined);
    const { generator } = generatorOf(2, (index) => (index < 3 ? Promise.resolve() : never));
    const source = sourceOf(50, pool, (index) => (index < 5 ? Promise.resolve() : never));
    const { sink, seen } = collect();
    const running = run({ source, sink, generator, pool, signal: stop.signal });
    await expect.poll(() => seen.length).toBe(3);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(running).rejects.toMatchObject({ name: 'CanceledError', code: 'canceled', cause: reason });
    expect(seen).toHaveLength(3);
  });

  test('aborted before the start: nothing is written', async () => {
    const pool = new CountingPool(bytes);
    const { generator } = generatorOf(2, () => sleep(5));
    const { sink, seen } = collect();
    const running = run({ source: sourceOf(5, pool), sink, generator, pool, signal: AbortSignal.abort() });
    await expect(running).rejects.toMatchObject({ code: 'canceled' });
    expect(seen).toEqual([]);
  });

  test('after the end it no longer matters, and is not listened to', async () => {
    const pool = new CountingPool(bytes);
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const { generator } = generatorOf(2, () => Promise.resolve());
    await run({ source: sourceOf(5, pool), ...collect(), generator, pool, signal });
    expect(listeners).toBe(0);
    stop.abort();
  });
});

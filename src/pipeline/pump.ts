import { CanceledError } from '../errors/errors.js';
import type { FramePool } from '../frame/frame-pool.js';
import type { Frame, FrameSource } from '../frame/frame.js';
import type { ConditionValues, Generator, Translation } from '../generator/generator.js';
import { Meter } from './meter.js';

/** A sink that is given each translation with the frame it was made of. */
export interface TranslationSink {
  /** Takes a translated frame and its original; resolves when the pixels of both are no longer needed. */
  write(translated: Frame, original: Frame): Promise<void>;
}

/** What {@link pump} works with. */
export interface PumpOptions {
  /** Where frames come from. */
  readonly source: FrameSource;
  /** Where they go. */
  readonly sink: TranslationSink;
  /** What translates them. */
  readonly generator: Generator;
  /** Buffers of the frames' size. */
  readonly pool: FramePool;
  /** The conditions of a frame. */
  conditions(frame: Frame): ConditionValues;
  /** Stops the pump. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each frame that was written, and how many there are so far. */
  readonly onFrame?: ((framesOut: number) => void) | undefined;
}

/** What the pump moved, and how long each stage took a frame. */
export interface PumpResult {
  /** Frames read. */
  readonly framesIn: number;
  /** Frames written. */
  readonly framesOut: number;
  /** Milliseconds from the first frame's reading to the last one's writing. */
  readonly milliseconds: number;
  /** Waiting for the source, in the network, waiting for the sink. */
  readonly meters: { readonly decode: Meter; readonly infer: Meter; readonly encode: Meter };
}

/**
 * Moves every frame of a source through a generator into a sink, once and in order.
 *
 * Reading, translating and writing overlap: `generator.capacity` frames (of each session one in each stage and one
 * waiting) are under way, one more is being read and one written. A stage that is slow holds the others back, so memory stays
 * the same however long the video is.
 */
export async function pump(options: PumpOptions): Promise<PumpResult> {
  const { source, sink, generator, pool } = options;
  const meters = { decode: new Meter(), infer: new Meter(), encode: new Meter() };
  const start = performance.now();
  let framesIn = 0;
  let framesOut = 0;
  const underWay = new BoundedQueue<{ readonly translation: Promise<Translation> }>(generator.capacity);

  const readAndTranslate = async () => {
    for (;;) {
      const asked = performance.now();
      const frame = await source.read();
      if (frame === undefined) {
        break;
      }
      meters.decode.add(performance.now() - asked);
      framesIn += 1;
      // Before it is handed over, so that no more than the capacity is ever under way.
      if (!(await underWay.room())) {
        return;
      }
      const translation = generator.translate(frame, pool.acquire(), options.conditions(frame));
      // Awaited by the writer, in order; until then a failure must not count as unhandled.
      translation.catch(() => undefined);
      underWay.push({ translation });
    }
    underWay.end();
  };

  const write = async () => {
    for (let next = await underWay.shift(); next !== undefined; next = await underWay.shift()) {
      const { frame, source: original, inferMilliseconds } = await next.translation;
      underWay.done();
      meters.infer.add(inferMilliseconds);
      const began = performance.now();
      await sink.write(frame, original);
      meters.encode.add(performance.now() - began);
      pool.release(frame.pixels.buffer);
      pool.release(original.pixels.buffer);
      framesOut += 1;
      options.onFrame?.(framesOut);
    }
  };

  const canceled = rejectOnAbort(options.signal);
  try {
    await Promise.race([Promise.all([readAndTranslate(), write()]), canceled.promise]);
  } finally {
    underWay.end();
    canceled.stop();
  }
  return { framesIn, framesOut, milliseconds: performance.now() - start, meters };
}

/** A queue between one writer and one reader that counts an item until it is done with, not until it is taken. */
class BoundedQueue<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #open = 0;
  #ended = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Resolves to true when one more item is welcome, to false when none ever will be. */
  async room(): Promise<boolean> {
    while (this.#open >= this.#capacity && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    return !this.#ended;
  }

  push(item: T): void {
    this.#open += 1;
    this.#items.push(item);
    this.#wakeReader?.();
  }

  /** The next item; undefined after the last. */
  async shift(): Promise<T | undefined> {
    while (this.#items.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    return this.#items.shift();
  }

  /** Says that the oldest item taken is done with. */
  done(): void {
    this.#open -= 1;
    this.#wakeWriter?.();
  }

  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}

function rejectOnAbort(signal: AbortSignal | undefined): { promise: Promise<never>; stop: () => void } {
  let onAbort: () => void = () => undefined;
  const promise = new Promise<never>((_, reject) => {
    onAbort = () => reject(new CanceledError('Canceled.', { cause: signal?.reason }));
    if (signal?.aborted) {
      onAbort();
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  // Nobody waits for it any more once the pump is done.
  promise.catch(() => undefined);
  return { promise, stop: () => signal?.removeEventListener('abort', onAbort) };
}

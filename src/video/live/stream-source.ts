import { setTimeout as sleep } from 'node:timers/promises';

import { CanceledError, InputError, Vid2VidError } from '../../errors/errors.js';
import type { FramePool } from '../../frame/frame-pool.js';
import { FrameDecoder, type DecodedFrame } from './frame-decoder.js';
import type { LiveFormat, LiveSource, LiveSourceEvents } from './live-frame.js';
import type { LiveInputOptions, LiveInputPlan } from './live-inputs.js';
import { Pacer } from './pacer.js';
import { SourceClock } from './source-clock.js';

/** Waits between two tries to reconnect, milliseconds; the last one goes on. */
const retryDelays = [500, 1000, 2000, 4000, 8000] as const;
/** Having given pictures for so long, a source has recovered: the next loss starts with the shortest wait again. */
const recoveredAfter = 10_000;
/** A source is given up for lost when it gives nothing for so long, milliseconds. */
const openTimeout = 15_000;
const stallTimeout = 10_000;
/** Seconds before the end of a file that plays again and again at which it is opened for the next round. */
const openAhead = 1;

/** What a {@link StreamSource} plays. */
export interface StreamSourceOptions extends LiveInputOptions {
  /** How it is opened; asked again at each try, for a camera may have another name by then. */
  plan(): Promise<LiveInputPlan>;
  /** The first plan, where it was made already. */
  readonly first?: LiveInputPlan | undefined;
  /** Whether it begins anew when it ends. */
  readonly loop: boolean;
}

/** A file, address or camera, opened again whenever it is lost. */
export class StreamSource implements LiveSource {
  readonly #options: StreamSourceOptions;
  readonly #stop = new AbortController();
  readonly #pacer = new Pacer();
  #running: Promise<void> | undefined;
  #decoder: FrameDecoder | undefined;
  /** Opened before the last round is over, so that the next one follows without a pause. */
  #next: Promise<FrameDecoder> | undefined;
  #format: LiveFormat | undefined;
  #index = 0;
  /** Timestamp of the last picture given, and how long a picture lasts. */
  #lastTimestamp = -1;
  #interval = 40_000;
  /** Seconds into the file that the last picture given stands at: where to go on after a loss. */
  #position = 0;
  #paused = false;
  #wake: (() => void) | undefined;

  constructor(options: StreamSourceOptions) {
    this.#options = options;
  }

  start(events: LiveSourceEvents): void {
    this.#running ??= this.#run(events).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) {
        events.onStatus({ state: 'ended', message: messageOf(error) });
      }
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#decoder?.close();
    await this.#running;
    await this.#forgetNext();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #forgetNext(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    await (await next?.catch(() => undefined))?.close();
  }

  async #run(events: LiveSourceEvents): Promise<void> {
    let failures = 0;
    let plan = this.#options.first;
    for (;;) {
      const began = performance.now();
      try {
        plan ??= await this.#options.plan();
        const complete = await this.#play(plan, events);
        if (complete && !this.#options.loop) {
          events.onStatus({ state: 'ended', message: `"${plan.name}" is over.` });
          return;
        }
        if (complete) {
          this.#position = 0;
          continue;
        }
        throw new InputError('input-unreadable', `"${plan.name}" ended.`);
      } catch (error) {
        if (this.#stop.signal.aborted) {
          return;
        }
        failures = performance.now() - began > recoveredAfter ? 0 : failures;
        const delay = retryDelays[Math.min(failures, retryDelays.length - 1)] ?? 0;
        failures += 1;
        await this.#forgetNext();
        events.onStatus({ state: 'reconnecting', message: messageOf(error), ...remedyOf(error) });
        plan = plan?.paced === true ? plan : undefined;
        await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  /** Plays it until it ends; true when that was its end, false when it broke off. */
  async #play(plan: LiveInputPlan, events: LiveSourceEvents): Promise<boolean> {
    const start = plan.paced ? this.#position : 0;
    const opened = this.#next;
    this.#next = undefined;
    if (opened === undefined) {
      this.#pacer.reset();
    }
    const decoder = await (opened ?? this.#spawn(plan, start));
    this.#decoder = decoder;
    try {
      if (this.#stop.signal.aborted) {
        throw new CanceledError();
      }
      const format = await decoder.start(this.#format);
      await this.#announce({ ...format, frameRate: plan.frameRate }, plan, events);
      events.onStatus({ state: 'live', message: `"${plan.name}" is playing.` });
      return await this.#give(decoder, plan, start, format.pool, events);
    } finally {
      await decoder.close();
      this.#decoder = undefined;
    }
  }

  #spawn(plan: LiveInputPlan, start: number): Promise<FrameDecoder> {
    const { programs, capabilities } = this.#options;
    return FrameDecoder.spawn({
      ...{ program: programs.ffmpeg, capabilities, openTimeout, stallTimeout },
      ...{ url: plan.url, options: plan.options(start), map: plan.map, filters: plan.filters, name: plan.name },
    });
  }

  async #announce(format: LiveFormat, plan: LiveInputPlan, events: LiveSourceEvents): Promise<void> {
    if (format.pool !== this.#format?.pool) {
      plan.notices.forEach((notice) => events.onNotice(notice));
      this.#format = format;
      await events.onFormat(format);
    }
  }

  async #give(
    decoder: FrameDecoder,
    plan: LiveInputPlan,
    start: number,
    pool: FramePool,
    events: LiveSourceEvents,
  ): Promise<boolean> {
    const clock = new SourceClock(this.#lastTimestamp < 0 ? 0 : this.#lastTimestamp + this.#interval);
    let first: number | undefined;
    for (;;) {
      const asked = performance.now();
      const frame = await decoder.read();
      if (frame === undefined) {
        // Only a recording has an end; anything else broke off.
        return plan.paced;
      }
      const decodeMilliseconds = plan.paced ? performance.now() - asked : undefined;
      first ??= frame.timestampMicroseconds;
      this.#position = start + (frame.timestampMicroseconds - first) / 1_000_000;
      if (this.#options.loop && this.#position > (plan.duration ?? Infinity) - openAhead) {
        this.#next ??= this.#spawn(plan, 0);
        // Looked at when its turn comes.
        this.#next.catch(() => undefined);
      }
      const { timestamp, discontinuity } = clock.place(frame.timestampMicroseconds);
      if (plan.paced) {
        await this.#pacer.until(timestamp, this.#stop.signal);
      }
      if (this.#paused) {
        await this.#pause(plan.paced);
      }
      if (this.#stop.signal.aborted) {
        return false;
      }
      if (this.#paused || timestamp <= this.#lastTimestamp) {
        pool.release(frame.pixels.buffer);
        continue;
      }
      this.#hand(frame, timestamp, discontinuity, decodeMilliseconds, events);
    }
  }

  /** Waits until it goes on, where that holds the source back; what is live goes by meanwhile. */
  async #pause(paced: boolean): Promise<void> {
    while (paced && this.#paused && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#pacer.reset();
    }
  }

  #hand(
    { pixels }: DecodedFrame,
    timestamp: number,
    discontinuity: boolean,
    decodeMilliseconds: number | undefined,
    events: LiveSourceEvents,
  ): void {
    const { width = 0, height = 0 } = this.#format ?? {};
    if (!discontinuity && timestamp > this.#lastTimestamp) {
      this.#interval = timestamp - this.#lastTimestamp;
    }
    this.#lastTimestamp = timestamp;
    events.onFrame({
      ...{ index: this.#index, width, height, timestamp, pixels, discontinuity, decodeMilliseconds },
      captureTimeMilliseconds: performance.timeOrigin + performance.now(),
      arrived: performance.now(),
    });
    this.#index += 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function remedyOf(error: unknown): { remedy?: string } {
  return error instanceof Vid2VidError && error.remedy !== undefined ? { remedy: error.remedy } : {};
}

import type { FramePool } from '../../frame/frame-pool.js';
import type { FfmpegCapabilities } from '../ffmpeg/capabilities.js';
import type { FfmpegPrograms } from '../ffmpeg/locate.js';
import { h264Tag, mjpegTag } from '../nut/syntax.js';
import { nutFrameHeader, nutHeader } from '../nut/writer.js';
import { liveFilters } from './decode-filters.js';
import { FrameDecoder } from './frame-decoder.js';
import type { LiveFormat, LiveSource, LiveSourceEvents } from './live-frame.js';

/** A coded picture that is handed over. */
export interface CodedPicture {
  readonly data: Uint8Array;
  readonly key: boolean;
  readonly timestampMicroseconds: number;
  readonly captureTimeMilliseconds: number;
}

/** What a {@link PushedSource} is of. */
export interface PushedSourceOptions {
  readonly codec: 'h264' | 'jpeg';
  /** Size of the coded pictures. */
  readonly width: number;
  readonly height: number;
  /** Size to work at. */
  readonly size: string | undefined;
  readonly programs: FfmpegPrograms;
  readonly capabilities: FfmpegCapabilities;
  /** Told how many more pictures are welcome. */
  onCredit(pictures: number): void;
  /** Told when nothing can be decoded until the next key frame. */
  onKeyFrameNeeded(): void;
}

/** Pictures that may be on their way through the decoder; whoever sends is granted no more. */
export const pushedCredit = 2;
/** A sender that doesn't mind its credit is refused here, so that nothing grows. */
const mostUnderWay = 8;
/** Pictures that come to nothing for so long mean that the decoder is lost, milliseconds. */
const decodeTimeout = 5000;
const largestTimestamp = 2 ** 50;

/** Coded pictures from elsewhere, decoded one by one, each at once. */
export class PushedSource implements LiveSource {
  readonly #options: PushedSourceOptions;
  /** Pictures inside the decoder, by their timestamps. */
  readonly #underWay = new Map<number, { readonly captured: number; readonly arrived: number }>();
  #events: LiveSourceEvents | undefined;
  #decoder: FrameDecoder | undefined;
  #opening: Promise<void> | undefined;
  #format: LiveFormat | undefined;
  #needsKey = true;
  #lastTimestamp = -1;
  #fresh = true;
  #index = 0;
  #paused = false;
  #closed = false;

  constructor(options: PushedSourceOptions) {
    this.#options = options;
  }

  start(events: LiveSourceEvents): void {
    this.#events = events;
    this.#options.onCredit(pushedCredit);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Takes a picture; false when it can't be used. */
  push(unit: CodedPicture): boolean {
    const { timestampMicroseconds: timestamp, data } = unit;
    const usable =
      Number.isSafeInteger(timestamp) &&
      timestamp >= 0 &&
      timestamp > this.#lastTimestamp &&
      timestamp < largestTimestamp;
    if (this.#closed || this.#events === undefined || !usable || data.byteLength === 0) {
      return false;
    }
    if (this.#underWay.size >= mostUnderWay) {
      this.#needsKey = true;
      return false;
    }
    if (this.#needsKey && !unit.key) {
      this.#options.onKeyFrameNeeded();
      return false;
    }
    this.#needsKey = false;
    this.#lastTimestamp = timestamp;
    this.#underWay.set(timestamp, { captured: unit.captureTimeMilliseconds, arrived: performance.now() });
    const events = this.#events;
    this.#opening ??= this.#open(events).catch((error: unknown) => {
      this.#tellLost(error, events);
      this.#startAfresh();
    });
    const bytes = [nutFrameHeader(timestamp, data.byteLength, unit.key), data];
    // Still being started, the decoder takes what comes first when it is there.
    void this.#opening.then(() => bytes.forEach((part) => this.#decoder?.stdin.write(part)));
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening;
    await this.#decoder?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(events: LiveSourceEvents): Promise<void> {
    const { codec, width, height, size, programs, capabilities } = this.#options;
    const decoder = await FrameDecoder.spawn({
      ...{ program: programs.ffmpeg, capabilities, url: 'pipe:0', map: '0:v:0', name: 'the camera' },
      options: [
        // Its timestamps are the sender's, and stay so.
        ...['-copyts', '-probesize', '32', '-analyzeduration', '0', '-flags', 'low_delay', '-threads', '1'],
        ...['-f', 'nut'],
      ],
      filters: liveFilters({ size, frameRate: undefined }),
      openTimeout: decodeTimeout,
      // A camera that pauses isn't lost: what is under way is watched instead.
      stallTimeout: 2 ** 31 - 1,
    });
    this.#decoder = decoder;
    const timeBase = { numerator: 1, denominator: 1_000_000 };
    decoder.stdin.write(
      nutHeader(
        { width, height, timeBase, frameRate: undefined, sampleAspectRatio: undefined },
        { tag: codec === 'h264' ? h264Tag : mjpegTag, setup: new Uint8Array(0) },
      ),
    );
    void this.#read(decoder, events);
  }

  async #read(decoder: FrameDecoder, events: LiveSourceEvents): Promise<void> {
    let watch: NodeJS.Timeout | undefined;
    try {
      const opened = await decoder.start(this.#format);
      if (opened.pool !== this.#format?.pool) {
        this.#format = { ...opened, frameRate: undefined };
        await events.onFormat(this.#format);
      }
      // Not before: whoever is told of the size may take its time.
      watch = setInterval(() => {
        const [oldest] = this.#underWay.values();
        if (oldest !== undefined && performance.now() - oldest.arrived > decodeTimeout) {
          void decoder.close();
        }
      }, 500);
      events.onStatus({ state: 'live', message: 'The camera is on.' });
      for (let frame = await decoder.read(); frame !== undefined; frame = await decoder.read()) {
        this.#hand(frame.timestampMicroseconds, frame.pixels, opened.pool, events);
      }
    } catch (error) {
      this.#tellLost(error, events);
    }
    clearInterval(watch);
    await decoder.close();
    this.#startAfresh();
  }

  #hand(timestamp: number, pixels: Uint8Array<ArrayBuffer>, pool: FramePool, events: LiveSourceEvents): void {
    const taken = this.#underWay.get(timestamp);
    this.#settle(timestamp);
    if (this.#paused || taken === undefined) {
      pool.release(pixels.buffer);
      return;
    }
    events.onFrame({
      ...{ index: this.#index, width: this.#format?.width ?? 0, height: this.#format?.height ?? 0, timestamp, pixels },
      captureTimeMilliseconds: taken.captured,
      arrived: taken.arrived,
      decodeMilliseconds: performance.now() - taken.arrived,
      discontinuity: this.#fresh,
    });
    this.#index += 1;
    this.#fresh = false;
  }

  /** Forgets a picture that has come out, and those before it that never will; as many more are welcome. */
  #settle(timestamp: number): void {
    let settled = 0;
    for (const known of this.#underWay.keys()) {
      if (known <= timestamp) {
        this.#underWay.delete(known);
        settled += 1;
      }
    }
    if (settled > 0) {
      this.#options.onCredit(settled);
    }
  }

  #tellLost(error: unknown, events: LiveSourceEvents): void {
    if (!this.#closed) {
      const message = error instanceof Error ? error.message : String(error);
      events.onStatus({ state: 'reconnecting', message: `The camera's pictures can't be decoded: ${message}` });
    }
  }

  /** The decoder is gone: the next key frame gets a new one. */
  #startAfresh(): void {
    this.#decoder = undefined;
    this.#opening = undefined;
    this.#needsKey = true;
    this.#fresh = true;
    this.#settle(Infinity);
    if (!this.#closed) {
      this.#options.onKeyFrameNeeded();
    }
  }
}

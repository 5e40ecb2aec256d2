import { encodeJpeg } from '../image/jpeg-picture.js';
import { NewestSlot } from '../pipeline/newest-slot.js';
import type { SharedPicture } from './shared-picture.js';
import type { AccessUnit, LiveTrack } from './pictures.js';

/** What a {@link JpegTrack} works with. */
export interface JpegTrackOptions {
  readonly track: LiveTrack;
  /** Number of the first picture. */
  readonly firstSequence: number;
  onUnit(unit: AccessUnit): void;
  onFailure(error: Error): void;
}

/** One track as JPEG pictures, for who can't decode H.264: one is made at a time, and the newest waits. */
export class JpegTrack {
  readonly #options: JpegTrackOptions;
  readonly #waiting = new NewestSlot<SharedPicture>();
  #sequence: number;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(options: JpegTrackOptions) {
    this.#options = options;
    this.#sequence = options.firstSequence;
  }

  /** Number of the next picture. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Takes a picture that is held for it. */
  offer(picture: SharedPicture): void {
    this.#waiting.put(picture)?.release();
    this.#working ??= this.#work();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.take(); next !== undefined; next = this.#waiting.take()) {
      await this.#encode(next);
      next.release();
    }
    this.#working = undefined;
  }

  async #encode({ frame }: SharedPicture): Promise<void> {
    if (this.#closed) {
      return;
    }
    const { pixels, width, height, timestamp, captureTimeMilliseconds } = frame;
    try {
      const data = await encodeJpeg(pixels, width, height);
      const sequence = this.#sequence;
      this.#sequence += 1;
      this.#options.onUnit({
        ...{ track: this.#options.track, codec: 'jpeg', data, key: true, discontinuity: frame.discontinuity, sequence },
        ...{ timestampMicroseconds: timestamp, captureTimeMilliseconds, width, height },
      });
    } catch (error) {
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

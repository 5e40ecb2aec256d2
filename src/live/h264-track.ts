import type { FfmpegCapabilities } from '../video/ffmpeg/capabilities.js';
import { LiveEncoder, type EncodedUnit } from '../video/live/live-encoder.js';
import { codecString } from '../video/live/codec-string.js';
import { NewestSlot } from '../pipeline/newest-slot.js';
import type { LiveFrame } from '../video/live/live-frame.js';
import type { SharedPicture } from './shared-picture.js';
import type { AccessUnit, LiveTrack } from './pictures.js';

/** An encoder that ended by itself is started again after so long, milliseconds. */
const restartDelay = 500;
/** Pictures that come to nothing for so long mean that it is lost. */
const encodeTimeout = 5000;

/** What a {@link H264Track} works with. */
export interface H264TrackOptions {
  readonly track: LiveTrack;
  readonly program: string;
  readonly capabilities: FfmpegCapabilities;
  readonly width: number;
  readonly height: number;
  readonly frameRate: number | undefined;
  /** Number of the first unit. */
  readonly firstSequence: number;
  /** Told the codec before the first unit, and when it changes. */
  onCodec(codec: string): void;
  onUnit(unit: AccessUnit, frame: LiveFrame, encodeMilliseconds: number): void;
  onDrop(): void;
  onFailure(error: Error): void;
}

/** One track as H.264: the newest picture wins when the encoder is behind, and an encoder that is lost gets a successor. */
export class H264Track {
  readonly #options: H264TrackOptions;
  readonly #waiting = new NewestSlot<SharedPicture>();
  /** What is told of pictures that are inside the encoder, by timestamp. */
  readonly #underWay = new Map<number, { readonly frame: LiveFrame; readonly since: number }>();
  readonly #closing = new Set<Promise<void>>();
  #encoder: LiveEncoder | undefined;
  #codec: string | undefined;
  #sequence: number;
  #afresh = true;
  /** A gap whose first picture was dropped: the next one stands for it. */
  #gap = false;
  #notBefore = 0;
  #closed = false;

  constructor(options: H264TrackOptions) {
    this.#options = options;
    this.#sequence = options.firstSequence;
  }

  /** Number of the next unit. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Takes a picture that is held for it. */
  offer(picture: SharedPicture): void {
    const older = this.#waiting.put(picture);
    if (older !== undefined) {
      this.#gap ||= older.frame.discontinuity;
      older.release();
      this.#options.onDrop();
    }
    this.#advance();
  }

  requestKeyFrame(): void {
    this.#encoder?.requestKeyFrame();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.take()?.release();
    this.#retire();
    await Promise.all(this.#closing);
  }

  #advance(): void {
    const [oldest] = this.#underWay.values();
    if (oldest !== undefined && performance.now() - oldest.since > encodeTimeout) {
      this.#fail(new Error('The encoder gave nothing for some seconds.'));
    }
    if (this.#closed || performance.now() < this.#notBefore) {
      return;
    }
    this.#encoder ??= this.#start();
    if (!this.#encoder.hasRoom) {
      return;
    }
    const next = this.#waiting.take();
    if (next === undefined) {
      return;
    }
    const frame = { ...next.frame, discontinuity: next.frame.discontinuity || this.#gap };
    this.#gap = false;
    if (frame.discontinuity) {
      this.#encoder.requestKeyFrame();
    }
    this.#underWay.set(frame.timestamp, { frame, since: performance.now() });
    void this.#encoder.write(frame.pixels, frame.timestamp).then(() => {
      next.release();
      this.#advance();
    });
  }

  #start(): LiveEncoder {
    const { program, capabilities, width, height, frameRate } = this.#options;
    this.#afresh = true;
    const encoder: LiveEncoder = new LiveEncoder({
      ...{ program, capabilities, width, height, frameRate },
      onUnit: (unit) => this.#take(unit),
      onRoom: () => this.#advance(),
      onFailure: (error) => {
        if (this.#encoder === encoder) {
          this.#fail(error);
        }
      },
    });
    return encoder;
  }

  #take(unit: EncodedUnit): void {
    const known = this.#underWay.get(unit.timestampMicroseconds);
    for (const timestamp of this.#underWay.keys()) {
      if (timestamp <= unit.timestampMicroseconds) {
        this.#underWay.delete(timestamp);
      }
    }
    if (known === undefined || this.#closed) {
      return;
    }
    const codec = unit.key ? codecString(unit.data) : undefined;
    if (codec !== undefined && codec !== this.#codec) {
      this.#codec = codec;
      this.#options.onCodec(codec);
    }
    const { frame } = known;
    const discontinuity = unit.key && (this.#afresh || frame.discontinuity);
    this.#afresh = false;
    const { width, height, captureTimeMilliseconds } = frame;
    const { data, key, timestampMicroseconds, encodeMilliseconds } = unit;
    const sequence = this.#sequence;
    this.#sequence += 1;
    this.#options.onUnit(
      {
        ...{ track: this.#options.track, codec: 'h264', data, key, discontinuity, sequence },
        ...{ timestampMicroseconds, captureTimeMilliseconds, width, height },
      },
      frame,
      encodeMilliseconds,
    );
  }

  #fail(error: Error): void {
    this.#notBefore = performance.now() + restartDelay;
    this.#retire();
    this.#options.onFailure(error);
  }

  /** Lets the encoder go; the next picture gets a new one. */
  #retire(): void {
    const encoder = this.#encoder;
    this.#encoder = undefined;
    this.#underWay.clear();
    if (encoder !== undefined) {
      const closed = encoder.close().finally(() => this.#closing.delete(closed));
      this.#closing.add(closed);
    }
  }
}

import type { BufferTarget, EncodedPacket, EncodedVideoPacketSource, Output } from 'mediabunny';

import type { MediaHeader, MediaMessage } from '../../../src/server/protocol.js';
import { codecOfAnnexB } from './annex-b.js';
import type { RecordedFile, Recording } from './recorder.js';

/** Bytes after which a recording ends by itself: it is in memory until then. */
const mostBytes = 1024 ** 3;

/** Seconds between two pictures above which the source has begun again or was paused: that isn't recorded. */
const longestStep = 2;

/** The muxer's library comes when the first recording begins. */
type Muxer = typeof import('./mp4-muxer.js');

/** The translated track's H.264, put into an MP4 file without encoding it again. */
export class UnitRecording implements Recording {
  readonly #muxer: Muxer;
  readonly #target: BufferTarget;
  readonly #source: EncodedVideoPacketSource;
  readonly #output: Output;
  #adding: Promise<void> = Promise.resolve();
  #first: MediaHeader | undefined;
  #last: MediaHeader | undefined;
  /** Seconds from the source's time to the file's: changes when the source begins again. */
  #shift = 0;
  /** The picture before the current one, by the file's time, and how long it was shown. */
  #previous = { time: 0, duration: 0.04 };
  #bytes = 0;

  private constructor(muxer: Muxer) {
    this.#muxer = muxer;
    this.#target = new muxer.BufferTarget();
    this.#source = new muxer.EncodedVideoPacketSource('avc');
    this.#output = new muxer.Output({
      format: new muxer.Mp4OutputFormat({ fastStart: 'in-memory' }),
      target: this.#target,
    });
    this.#output.addVideoTrack(this.#source);
  }

  static async start(): Promise<UnitRecording> {
    const recording = new UnitRecording(await import('./mp4-muxer.js'));
    await recording.#output.start();
    return recording;
  }

  get isFull(): boolean {
    return this.#bytes > mostBytes;
  }

  add({ header, payload }: MediaMessage): void {
    if (header.track !== 'translated' || header.codec !== 'h264' || this.isFull || !this.#follows(header)) {
      return;
    }
    const packet = this.#packet(header, payload);
    const codec = this.#first === undefined ? codecOfAnnexB(payload) : undefined;
    const decoderConfig = codec && { codec, codedWidth: header.width, codedHeight: header.height };
    this.#first ??= header;
    this.#last = header;
    this.#bytes += payload.byteLength;
    this.#adding = this.#adding.then(() => this.#source.add(packet, decoderConfig ? { decoderConfig } : undefined));
  }

  async finish(): Promise<RecordedFile | undefined> {
    if (this.#first === undefined) {
      await this.#output.cancel();
      return undefined;
    }
    await this.#adding;
    await this.#output.finalize();
    const { buffer } = this.#target;
    return buffer === null ? undefined : { data: new Blob([buffer], { type: 'video/mp4' }), extension: 'mp4' };
  }

  /** Whether a decoder that has had all before can go on with this unit, in a track of one size. */
  #follows({ key, sequence, width, height }: MediaHeader): boolean {
    const { width: firstWidth, height: firstHeight } = this.#first ?? { width, height };
    const isNext = this.#last !== undefined && sequence === (this.#last.sequence + 1) >>> 0;
    return width === firstWidth && height === firstHeight && (key || isNext);
  }

  #packet(header: MediaHeader, payload: Uint8Array<ArrayBuffer>): EncodedPacket {
    const sourceTime = header.timestampMicroseconds / 1e6;
    if (this.#last === undefined) {
      this.#shift = -sourceTime;
    } else {
      const step = sourceTime + this.#shift - this.#previous.time;
      if (step <= 0 || step > longestStep) {
        this.#shift = this.#previous.time + this.#previous.duration - sourceTime;
      }
    }
    const time = sourceTime + this.#shift;
    if (this.#last !== undefined) {
      this.#previous = { time, duration: time - this.#previous.time };
    }
    // The page hands the bytes on to the player, and the muxer looks at them later.
    const bytes = payload.slice();
    return new this.#muxer.EncodedPacket(bytes, header.key ? 'key' : 'delta', time, this.#previous.duration);
  }
}

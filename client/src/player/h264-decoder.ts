import type { MediaHeader, MediaMessage } from '../../../src/server/protocol.js';
import { codecOfAnnexB } from '../recording/annex-b.js';
import type { DecoderKind } from './messages.js';
import type { Picture } from './picture.js';
import type { TrackDecoder, TrackDecoderEvents } from './track-decoder.js';

/** Units in the decoder from which on it counts as lagging: a few frames are normal, a held-back group is not. */
const laggingUnits = 8;
/** How long it may lag before another decoder is tried: a viewer who joins gets up to two seconds of units at once. */
const lagPatienceMilliseconds = 2000;
/** Decoded pictures waiting behind one from which on it is passed over. */
const passedOverQueue = 2;
/** Times a decoder may fail before the next one is tried. */
const patientFailures = 2;

/** What is tried, in order. */
const ladder: readonly { readonly kind: DecoderKind; readonly hardwareAcceleration: HardwareAcceleration }[] = [
  { kind: 'webcodecs', hardwareAcceleration: 'no-preference' },
  { kind: 'webcodecs-software', hardwareAcceleration: 'prefer-software' },
];

/**
 * H.264 to pictures, by the browser's decoder. One that lags is replaced by the software decoder, since some platforms'
 * hardware holds back dozens of frames (https://github.com/w3c/webcodecs/issues/732); when that lags too, it gives up.
 */
export class H264Decoder implements TrackDecoder {
  readonly #events: TrackDecoderEvents;
  /** The headers of the units in the decoder, by timestamp. */
  readonly #headers = new Map<number, MediaHeader>();
  #decoder: VideoDecoder | undefined;
  #codec: string | undefined;
  #rung = 0;
  #failures = 0;
  #laggingSince: number | undefined;
  #waitsForKey = true;
  #isClosed = false;

  constructor(events: TrackDecoderEvents) {
    this.#events = events;
  }

  get queue(): number {
    return this.#headers.size;
  }

  decode({ header, payload }: MediaMessage): void {
    if (this.#isClosed) {
      return;
    }
    if (header.discontinuity) {
      this.reset();
    }
    if (header.key) {
      this.#prepare(payload);
      this.#waitsForKey = false;
    }
    const decoder = this.#decoder;
    if (decoder?.state !== 'configured' || this.#waitsForKey) {
      this.#waitsForKey = true;
      return;
    }
    this.#headers.set(header.timestampMicroseconds, header);
    const type = header.key ? 'key' : 'delta';
    decoder.decode(new EncodedVideoChunk({ type, timestamp: header.timestampMicroseconds, data: payload }));
    this.#watchLag();
  }

  reset(): void {
    this.#release();
    this.#waitsForKey = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  /** Makes the decoder ready for what this key unit begins. */
  #prepare(data: Uint8Array<ArrayBuffer>): void {
    const codec = codecOfAnnexB(data);
    if (codec === undefined || (codec === this.#codec && this.#decoder?.state === 'configured')) {
      return;
    }
    this.#release();
    const rung = ladder[this.#rung];
    if (rung === undefined) {
      return;
    }
    const decoder: VideoDecoder = new VideoDecoder({
      output: (frame) => this.#show(decoder, frame),
      error: (error) => this.#fail(decoder, error.message),
    });
    // Without a description the units are taken as Annex B, with their parameter sets inside.
    decoder.configure({ codec, optimizeForLatency: true, hardwareAcceleration: rung.hardwareAcceleration });
    this.#decoder = decoder;
    this.#codec = codec;
    this.#events.onDecoder(rung.kind);
  }

  #show(decoder: VideoDecoder, frame: VideoFrame): void {
    const header = decoder === this.#decoder ? this.#headers.get(frame.timestamp) : undefined;
    // Of a decoder that has been replaced.
    if (header === undefined) {
      frame.close();
      return;
    }
    // Units come out in the order they went in: those before this one will not come any more.
    for (const timestamp of this.#headers.keys()) {
      this.#headers.delete(timestamp);
      if (timestamp === frame.timestamp) {
        break;
      }
    }
    if (header.catchUp === true) {
      frame.close();
      return;
    }
    const picture: Picture = {
      image: frame,
      timestampMicroseconds: frame.timestamp,
      captureTimeMilliseconds: header.captureTimeMilliseconds,
    };
    this.#events.onPicture(picture, decoder.decodeQueueSize >= passedOverQueue);
  }

  #watchLag(): void {
    if (this.queue < laggingUnits) {
      this.#laggingSince = undefined;
      return;
    }
    this.#laggingSince ??= performance.now();
    if (performance.now() - this.#laggingSince > lagPatienceMilliseconds) {
      this.#stepDown(`${String(this.queue)} pictures behind`);
    }
  }

  #fail(decoder: VideoDecoder, reason: string): void {
    if (decoder !== this.#decoder) {
      return;
    }
    this.#failures += 1;
    if (this.#failures >= patientFailures) {
      this.#stepDown(reason);
    } else {
      this.reset();
      this.#events.onKeyWanted();
    }
  }

  /** Lets the next kind of decoder try, from the next key unit on. */
  #stepDown(reason: string): void {
    this.reset();
    this.#rung += 1;
    this.#failures = 0;
    if (this.#rung < ladder.length) {
      this.#events.onKeyWanted();
    } else {
      this.#events.onGivenUp(reason);
    }
  }

  #release(): void {
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') {
      this.#decoder.close();
    }
    this.#decoder = undefined;
    this.#codec = undefined;
    this.#headers.clear();
    this.#laggingSince = undefined;
  }
}

import type { MediaCodec } from '../../../src/server/protocol.js';
import { now } from '../connection/clock.js';
import type { CameraPicture } from './picture-source.js';

/** A picture of the camera, encoded. */
export interface EncodedPicture {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly key: boolean;
  readonly width: number;
  readonly height: number;
  readonly timestampMicroseconds: number;
  readonly captureTimeMilliseconds: number;
}

/** What an encoder tells. */
export interface EncoderEvents {
  readonly onEncoded: (picture: EncodedPicture) => void;
  /** A picture went in and will not come out. */
  readonly onLost: () => void;
  readonly onFailed: (reason: string) => void;
}

/** Turns pictures into what is sent. */
export interface PictureEncoder {
  readonly codec: MediaCodec;
  /** Whether it takes a picture now; one that doesn't fit is left out, so that none waits. */
  readonly isReady: boolean;
  /** The next picture is to be decodable by itself. */
  requestKey(): void;
  encode(picture: CameraPicture): Promise<void>;
  close(): void;
}

/** Baseline without B-frames, levels 3.1 (1280x720 at 30) to 5.2 (3840x2160 at 60), the lowest that fits first. */
const profiles = ['avc1.42E01F', 'avc1.42E028', 'avc1.42E034'];

/** What WebCodecs is asked for. */
function configuration(codec: string, width: number, height: number, framerate: number): VideoEncoderConfig {
  return {
    codec,
    width,
    height,
    framerate,
    // About a seventh of a bit a pixel: the network sees no difference to more.
    bitrate: Math.round(Math.min(8e6, Math.max(8e5, width * height * framerate * 0.15))),
    latencyMode: 'realtime',
    avc: { format: 'annexb' },
  };
}

/** The H.264 that this browser encodes at a size, as WebCodecs calls it; none without WebCodecs. */
export async function encodableCodecs(width = 640, height = 360, framerate = 30): Promise<readonly string[]> {
  if (typeof VideoEncoder !== 'function') {
    return [];
  }
  const answers = profiles.map(async (codec) => {
    const { supported } = await VideoEncoder.isConfigSupported(configuration(codec, width, height, framerate));
    return supported === true ? [codec] : [];
  });
  return (await Promise.all(answers)).flat();
}

/** Milliseconds after which a picture that didn't come out of the encoder is given up. */
const encoderPatience = 1000;

/** Encodes H.264 in Annex B form, for as little delay as the browser can. */
export class H264Encoder implements PictureEncoder {
  readonly codec = 'h264';
  readonly #events: EncoderEvents;
  readonly #encoder: VideoEncoder;
  readonly #size: { readonly width: number; readonly height: number };
  /** When each picture in the encoder was captured, by its timestamp. */
  readonly #captureTimes = new Map<number, number>();
  #isKeyWanted = true;

  constructor(codec: string, width: number, height: number, frameRate: number, events: EncoderEvents) {
    this.#events = events;
    this.#size = { width, height };
    this.#encoder = new VideoEncoder({
      output: (chunk) => this.#give(chunk),
      error: ({ message }) => events.onFailed(message),
    });
    this.#encoder.configure(configuration(codec, width, height, frameRate));
  }

  get isReady(): boolean {
    this.#giveUpLost(now() - encoderPatience);
    return this.#encoder.state === 'configured' && this.#encoder.encodeQueueSize === 0;
  }

  requestKey(): void {
    this.#isKeyWanted = true;
  }

  encode({ image, timestampMicroseconds, captureTimeMilliseconds }: CameraPicture): Promise<void> {
    const frame = image instanceof VideoFrame ? image : new VideoFrame(image, { timestamp: timestampMicroseconds });
    this.#captureTimes.set(timestampMicroseconds, captureTimeMilliseconds);
    this.#encoder.encode(frame, { keyFrame: this.#isKeyWanted });
    this.#isKeyWanted = false;
    if (frame !== image) {
      frame.close();
    }
    return Promise.resolve();
  }

  close(): void {
    if (this.#encoder.state !== 'closed') {
      this.#encoder.close();
    }
  }

  #give(chunk: EncodedVideoChunk): void {
    const captureTimeMilliseconds = this.#captureTimes.get(chunk.timestamp);
    if (captureTimeMilliseconds === undefined) {
      return;
    }
    this.#captureTimes.delete(chunk.timestamp);
    // A realtime encoder may leave pictures out; those before this one will not come any more.
    this.#giveUpLost(captureTimeMilliseconds);
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    const { timestamp: timestampMicroseconds, type } = chunk;
    this.#events.onEncoded({
      data,
      key: type === 'key',
      ...this.#size,
      timestampMicroseconds,
      captureTimeMilliseconds,
    });
  }

  #giveUpLost(capturedBefore: number): void {
    for (const [timestamp, captured] of this.#captureTimes) {
      if (captured < capturedBefore) {
        this.#captureTimes.delete(timestamp);
        this.#events.onLost();
      }
    }
  }
}

/** Encodes JPEG pictures by a canvas, for browsers without WebCodecs. */
export class JpegEncoder implements PictureEncoder {
  readonly codec = 'jpeg';
  readonly #events: EncoderEvents;
  readonly #canvas = document.createElement('canvas');
  readonly #context = this.#canvas.getContext('2d', { alpha: false });
  #isBusy = false;
  #isClosed = false;

  constructor(events: EncoderEvents) {
    this.#events = events;
  }

  get isReady(): boolean {
    return !this.#isBusy;
  }

  requestKey(): void {
    // Every JPEG is one.
  }

  async encode(picture: CameraPicture): Promise<void> {
    const { image, width, height, timestampMicroseconds, captureTimeMilliseconds } = picture;
    this.#isBusy = true;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context?.drawImage(image, 0, 0, width, height);
    const blob = await new Promise<Blob | null>((resolve) => this.#canvas.toBlob(resolve, 'image/jpeg', 0.8));
    this.#isBusy = false;
    if (this.#isClosed) {
      return;
    }
    if (blob === null) {
      this.#events.onLost();
      return;
    }
    const data = new Uint8Array(await blob.arrayBuffer());
    this.#events.onEncoded({ data, key: true, width, height, timestampMicroseconds, captureTimeMilliseconds });
  }

  close(): void {
    this.#isClosed = true;
  }
}

import { encodeMediaMessage, type MediaCodec } from '../../../src/server/protocol.js';
import type { Camera } from './camera.js';
import { Credit } from './credit.js';
import {
  encodableCodecs,
  H264Encoder,
  JpegEncoder,
  type EncodedPicture,
  type PictureEncoder,
} from './picture-encoder.js';
import { readPictures, type CameraPicture } from './picture-source.js';

/** What a broadcast needs of the page. */
export interface BroadcastOptions {
  /** Pictures that the server allows at the start of a camera. */
  readonly credit: number;
  /** Announces what is about to come: before the first picture and whenever its size changes. */
  readonly onStart: (codec: MediaCodec, width: number, height: number, frameRate: number) => void;
  /** Sends a picture. */
  readonly send: (message: Uint8Array<ArrayBuffer>) => void;
  /** Whether there is room for a picture on the way out. */
  readonly hasRoom: () => boolean;
  /** Whether the page shows the originals at the moment. */
  readonly wantsOriginals: () => boolean;
  /** Each picture that was sent, to be shown beside its translation. */
  readonly onOriginal: (picture: ImageBitmap, timestampMicroseconds: number) => void;
}

/** A camera on its way to the server: paced by credit, and left out before the encoder where there is none. */
export class Broadcast {
  readonly #camera: Camera;
  readonly #options: BroadcastOptions;
  readonly #stopping = new AbortController();
  #credit: Credit;
  #encoder: PictureEncoder | undefined;
  #size = { width: 0, height: 0 };
  #sequence = 0;
  #isH264Broken = false;

  constructor(camera: Camera, options: BroadcastOptions) {
    this.#camera = camera;
    this.#options = options;
    this.#credit = new Credit(options.credit);
  }

  /** Sends until the camera ends or {@link close} is called. */
  async run(): Promise<void> {
    await readPictures(this.#camera.track, this.#stopping.signal, (picture) => this.#take(picture));
  }

  grant(frames: number): void {
    this.#credit.grant(frames);
  }

  requestKey(): void {
    this.#encoder?.requestKey();
  }

  close(): void {
    this.#stopping.abort();
    this.#encoder?.close();
  }

  async #take(picture: CameraPicture): Promise<void> {
    const { width, height } = evenSize(picture);
    if (width < 16 || height < 16 || this.#stopping.signal.aborted) {
      return;
    }
    if (this.#encoder === undefined || width !== this.#size.width || height !== this.#size.height) {
      await this.#begin(width, height);
      return;
    }
    if (!this.#encoder.isReady || !this.#credit.isThere || !this.#options.hasRoom()) {
      return;
    }
    this.#credit.spend();
    const original = this.#options.wantsOriginals() ? createImageBitmap(picture.image) : undefined;
    await this.#encoder.encode({ ...picture, width, height });
    if (original !== undefined) {
      this.#options.onOriginal(await original, picture.timestampMicroseconds);
    }
  }

  /** Makes an encoder for this size, and tells the server. */
  async #begin(width: number, height: number): Promise<void> {
    this.#encoder?.close();
    const frameRate = Math.min(120, Math.max(1, this.#camera.frameRate));
    const credit = new Credit(this.#options.credit);
    const events = {
      onEncoded: (encoded: EncodedPicture) => this.#send(encoded),
      onLost: () => credit.giveBack(),
      onFailed: () => {
        this.#isH264Broken = true;
        this.#encoder = undefined;
      },
    };
    const [codec] = this.#isH264Broken ? [] : await encodableCodecs(width, height, frameRate);
    this.#encoder =
      codec === undefined ? new JpegEncoder(events) : new H264Encoder(codec, width, height, frameRate, events);
    this.#credit = credit;
    this.#size = { width, height };
    this.#sequence = 0;
    if (!this.#stopping.signal.aborted) {
      this.#options.onStart(this.#encoder.codec, width, height, frameRate);
    }
  }

  #send({ data, ...encoded }: EncodedPicture): void {
    const codec = this.#encoder?.codec;
    if (codec === undefined || this.#stopping.signal.aborted) {
      return;
    }
    const header = { ...encoded, codec, track: 'source', discontinuity: this.#sequence === 0 } as const;
    this.#options.send(encodeMediaMessage({ ...header, sequence: this.#sequence }, data));
    this.#sequence += 1;
  }
}

/** Chroma is halved both ways: odd sizes lose their last line. */
function evenSize({ width, height }: CameraPicture): { readonly width: number; readonly height: number } {
  return { width: width - (width % 2), height: height - (height % 2) };
}

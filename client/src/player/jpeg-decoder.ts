import type { MediaMessage } from '../../../src/server/protocol.js';
import type { TrackDecoder, TrackDecoderEvents } from './track-decoder.js';

/** JPEG pictures, one at a time; of those that come while one is decoded only the newest is kept. */
export class JpegDecoder implements TrackDecoder {
  readonly #events: TrackDecoderEvents;
  readonly #onPassedOver: () => void;
  #next: MediaMessage | undefined;
  #isDecoding = false;
  #isClosed = false;

  /** @param onPassedOver - Told of each picture that a newer one has replaced before it was decoded. */
  constructor(events: TrackDecoderEvents, onPassedOver: () => void) {
    this.#events = events;
    this.#onPassedOver = onPassedOver;
    events.onDecoder('jpeg');
  }

  get queue(): number {
    return Number(this.#isDecoding) + Number(this.#next !== undefined);
  }

  decode(unit: MediaMessage): void {
    if (this.#next !== undefined) {
      this.#onPassedOver();
    }
    this.#next = unit;
    if (!this.#isDecoding) {
      void this.#decodeAll();
    }
  }

  reset(): void {
    this.#next = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.reset();
  }

  async #decodeAll(): Promise<void> {
    this.#isDecoding = true;
    for (let unit = this.#next; unit !== undefined; unit = this.#next) {
      this.#next = undefined;
      const { timestampMicroseconds, captureTimeMilliseconds } = unit.header;
      try {
        const image = await createImageBitmap(new Blob([unit.payload], { type: 'image/jpeg' }));
        if (this.#isClosed) {
          image.close();
        } else {
          this.#events.onPicture({ image, timestampMicroseconds, captureTimeMilliseconds }, false);
        }
      } catch {
        // A picture that can't be read is left out: the next one owes it nothing.
        this.#onPassedOver();
      }
    }
    this.#isDecoding = false;
  }
}

import type { MediaHeader, MediaMessage, Track } from '../../../src/server/protocol.js';
import { Compositor, type Surface } from './compositor.js';
import { DelayWindow } from './delay-window.js';
import { H264Decoder } from './h264-decoder.js';
import { JpegDecoder } from './jpeg-decoder.js';
import type { PlayerCommand, PlayerEvent } from './messages.js';
import type { Picture } from './picture.js';
import type { TrackDecoder, TrackDecoderEvents } from './track-decoder.js';

/** Decoders of one track: the one in use, and which codec it is for. */
interface TrackInUse {
  readonly codec: MediaHeader['codec'];
  readonly decoder: TrackDecoder;
}

/**
 * Units in, pictures on the canvas. Live means that the newest picture wins: it is drawn when it comes, nothing waits for
 * its turn. It runs in a worker where the canvas can go there, else in the page.
 */
export class Player {
  readonly #emit: (event: PlayerEvent) => void;
  readonly #compositor: Compositor;
  readonly #tracks = new Map<Track, TrackInUse>();
  readonly #delays = new DelayWindow();
  #clockOffset = 0;
  #nextSequence: number | undefined;
  #decoded = 0;
  #shown = 0;
  #shownBefore = 0;
  #dropped = 0;
  #countedAt = performance.now();

  constructor(surface: Surface, emit: (event: PlayerEvent) => void) {
    this.#emit = emit;
    this.#compositor = new Compositor(surface, (width, height) => emit({ type: 'size', width, height }));
    setInterval(() => this.#count(), 1000);
  }

  /** Does what the page asks for. */
  async handle(command: PlayerCommand): Promise<void> {
    switch (command.type) {
      case 'unit':
        this.#decode(command.unit);
        return;
      case 'original':
        this.#compositor.addOriginal({
          image: command.picture,
          timestampMicroseconds: command.timestampMicroseconds,
          captureTimeMilliseconds: 0,
        });
        return;
      case 'view':
        this.#compositor.view = command.view;
        return;
      case 'clock':
        this.#clockOffset = command.offsetMilliseconds;
        return;
      case 'reset':
        this.#reset();
        return;
      case 'snapshot':
        this.#emit({ type: 'snapshot', picture: await this.#compositor.snapshot() });
        return;
    }
  }

  #decode(unit: MediaMessage): void {
    const { track, codec, sequence, discontinuity } = unit.header;
    if (discontinuity) {
      this.#compositor.reset();
      this.#nextSequence = track === 'translated' ? undefined : this.#nextSequence;
    }
    if (track === 'translated') {
      const missing = this.#nextSequence === undefined ? 0 : (sequence - this.#nextSequence) >>> 0;
      // More than that is a server that has begun to count afresh.
      this.#dropped += missing < 1000 ? missing : 0;
      this.#nextSequence = (sequence + 1) >>> 0;
    }
    this.#decoderFor(track, codec).decode(unit);
  }

  #decoderFor(track: Track, codec: MediaHeader['codec']): TrackDecoder {
    const inUse = this.#tracks.get(track);
    if (inUse?.codec === codec) {
      return inUse.decoder;
    }
    inUse?.decoder.close();
    const events: TrackDecoderEvents = {
      onPicture: (picture, isPassedOver) => this.#show(track, picture, isPassedOver),
      onDecoder: (decoder) => track === 'translated' && this.#emit({ type: 'decoder', decoder }),
      onKeyWanted: () => this.#emit({ type: 'key-wanted' }),
      onGivenUp: (reason) => this.#emit({ type: 'decoder-failed', reason }),
    };
    const decoder =
      codec === 'h264'
        ? new H264Decoder(events)
        : new JpegDecoder(events, () => (this.#dropped += Number(track === 'translated')));
    this.#tracks.set(track, { codec, decoder });
    return decoder;
  }

  #show(track: Track, picture: Picture, isPassedOver: boolean): void {
    if (track === 'source') {
      this.#compositor.addOriginal(picture);
      return;
    }
    this.#decoded += 1;
    if (isPassedOver) {
      picture.image.close();
      this.#dropped += 1;
      return;
    }
    this.#compositor.showTranslated(picture);
    this.#shown += 1;
    const now = performance.timeOrigin + performance.now();
    this.#delays.add(now - this.#clockOffset - picture.captureTimeMilliseconds);
  }

  #reset(): void {
    for (const { decoder } of this.#tracks.values()) {
      decoder.close();
    }
    this.#tracks.clear();
    this.#compositor.reset();
    this.#delays.clear();
    this.#nextSequence = undefined;
  }

  #count(): void {
    const now = performance.now();
    const fps = ((this.#shown - this.#shownBefore) * 1000) / (now - this.#countedAt);
    this.#shownBefore = this.#shown;
    this.#countedAt = now;
    if (fps === 0) {
      this.#delays.clear();
    }
    this.#emit({
      type: 'statistics',
      statistics: {
        fps,
        decoded: this.#decoded,
        shown: this.#shown,
        dropped: this.#dropped,
        decodeQueue: this.#tracks.get('translated')?.decoder.queue ?? 0,
        delayMilliseconds: this.#delays.percentiles(),
      },
    });
  }
}

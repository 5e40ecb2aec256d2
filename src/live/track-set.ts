import type { FramePool } from '../frame/frame-pool.js';
import type { FfmpegCapabilities } from '../video/ffmpeg/capabilities.js';
import type { LiveFormat, LiveFrame } from '../video/live/live-frame.js';
import { H264Track } from './h264-track.js';
import { JpegTrack } from './jpeg-track.js';
import { SharedPicture } from './shared-picture.js';
import type { AccessUnit, LiveCodec, LiveTrack, LiveTracks } from './pictures.js';

/** What a {@link TrackSet} works with. */
export interface TrackSetOptions {
  readonly program: string;
  readonly capabilities: FfmpegCapabilities;
  /** Told what a track's codec is, before its first picture and when that changes. */
  onCodec(track: LiveTrack, codec: string): void;
  /** Given each unit; the frame and the time it took only of what was H.264. */
  onUnit(unit: AccessUnit, frame?: LiveFrame, encodeMilliseconds?: number): void;
  onDrop(): void;
  onNotice(notice: string): void;
}

type Slot = `${LiveTrack} ${LiveCodec}`;
const trackNames: readonly LiveTrack[] = ['translated', 'source'];
const codecs: readonly LiveCodec[] = ['h264', 'jpeg'];

/** The encoders of what somebody wants, and no others. */
export class TrackSet {
  readonly #options: TrackSetOptions;
  readonly #h264 = new Map<LiveTrack, H264Track>();
  readonly #jpeg = new Map<LiveTrack, JpegTrack>();
  readonly #sequences = new Map<Slot, number>();
  readonly #closing = new Set<Promise<void>>();
  #wanted: LiveTracks = {};
  #format: LiveFormat | undefined;
  #closed = false;

  constructor(options: TrackSetOptions) {
    this.#options = options;
  }

  /** Whether anybody wants anything. */
  get isEmpty(): boolean {
    return trackNames.every((track) => codecs.every((codec) => this.#wanted[track]?.[codec] !== true));
  }

  /** Says what is wanted. */
  want(tracks: LiveTracks): void {
    this.#wanted = tracks;
    this.#apply();
  }

  /** Says how the pictures are from now on: what was encoded at another size starts afresh. */
  resize(format: LiveFormat): void {
    trackNames.forEach((track) => codecs.forEach((codec) => this.#stop(track, codec)));
    this.#format = format;
    this.#apply();
  }

  /** Takes a translated picture and its original; their buffers go back to the pool when nobody reads them any more. */
  offer(translated: LiveFrame, original: LiveFrame, pool: FramePool, also?: (picture: SharedPicture) => void): void {
    const pictures = { translated: new SharedPicture(translated, pool), source: new SharedPicture(original, pool) };
    for (const track of trackNames) {
      const picture = pictures[track];
      const takers = [this.#h264.get(track), this.#jpeg.get(track)].filter((taker) => taker !== undefined);
      takers.forEach((taker) => taker.offer(picture.hold()));
    }
    also?.(pictures.translated);
    pictures.translated.release();
    pictures.source.release();
  }

  requestKeyFrame(): void {
    this.#h264.forEach((track) => track.requestKeyFrame());
  }

  async close(): Promise<void> {
    this.#closed = true;
    trackNames.forEach((track) => codecs.forEach((codec) => this.#stop(track, codec)));
    await Promise.all(this.#closing);
  }

  #apply(): void {
    const format = this.#format;
    if (format === undefined || this.#closed) {
      return;
    }
    for (const track of trackNames) {
      for (const codec of codecs) {
        if (this.#wanted[track]?.[codec] !== true) {
          this.#stop(track, codec);
        } else if (codec === 'h264' && !this.#h264.has(track)) {
          this.#h264.set(track, this.#startH264(track, format));
        } else if (codec === 'jpeg' && !this.#jpeg.has(track)) {
          this.#jpeg.set(track, this.#startJpeg(track));
        }
      }
    }
  }

  #startH264(track: LiveTrack, { width, height, frameRate }: LiveFormat): H264Track {
    const { program, capabilities } = this.#options;
    return new H264Track({
      ...{ track, program, capabilities, width, height, frameRate },
      firstSequence: this.#sequences.get(`${track} h264`) ?? 0,
      onCodec: (codec) => this.#options.onCodec(track, codec),
      onUnit: (unit, frame, milliseconds) => this.#options.onUnit(unit, frame, milliseconds),
      // Who only looks at the source doesn't miss what nobody translated.
      onDrop: () => (track === 'translated' ? this.#options.onDrop() : undefined),
      onFailure: (error) => this.#options.onNotice(`The encoder is started again: ${error.message}`),
    });
  }

  #startJpeg(track: LiveTrack): JpegTrack {
    this.#options.onCodec(track, 'jpeg');
    return new JpegTrack({
      track,
      firstSequence: this.#sequences.get(`${track} jpeg`) ?? 0,
      onUnit: (unit) => this.#options.onUnit(unit),
      onFailure: (error) => this.#options.onNotice(`A picture could not be made a JPEG: ${error.message}`),
    });
  }

  #stop(track: LiveTrack, codec: LiveCodec): void {
    const tracks: Map<LiveTrack, H264Track | JpegTrack> = codec === 'h264' ? this.#h264 : this.#jpeg;
    const running = tracks.get(track);
    if (running === undefined) {
      return;
    }
    tracks.delete(track);
    this.#sequences.set(`${track} ${codec}`, running.nextSequence);
    const closed = running.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

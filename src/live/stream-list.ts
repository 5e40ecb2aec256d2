import type { LiveCodec, LiveStream, LiveTrack } from './pictures.js';

/** What all streams of a translation have in common. */
export type StreamFormat = Omit<LiveStream, 'track' | 'codec'>;

/** What a {@link StreamList} asks and tells. */
export interface StreamListOptions {
  /** What streams have in common just now; undefined while nothing is known. */
  format(): StreamFormat | undefined;
  /** Whether anybody wants pictures of this kind. */
  isWanted(track: LiveTrack, codec: LiveCodec): boolean;
  onStream(stream: LiveStream): void;
}

/** The streams that are made, as they are told of: before their first picture, and again when something changes. */
export class StreamList {
  readonly #options: StreamListOptions;
  readonly #codecs = new Map<string, { readonly track: LiveTrack; readonly codec: string }>();

  constructor(options: StreamListOptions) {
    this.#options = options;
  }

  /** All of them. */
  get all(): readonly LiveStream[] {
    const format = this.#options.format();
    return format === undefined ? [] : [...this.#codecs.values()].map((known) => ({ ...known, ...format }));
  }

  /** Takes notice of a track's codec, as browsers call it or `jpeg`, and tells of the stream. */
  announce(track: LiveTrack, codec: string): void {
    const kind = codec === 'jpeg' ? 'jpeg' : 'h264';
    this.#codecs.set(`${track} ${kind}`, { track, codec });
    const format = this.#options.format();
    if (format !== undefined && this.#options.isWanted(track, kind)) {
      this.#options.onStream({ track, codec, ...format });
    }
  }

  /** Tells of all of them again. */
  announceAll(): void {
    [...this.#codecs.values()].forEach(({ track, codec }) => this.announce(track, codec));
  }
}

import type { ProviderName } from '../generator/execution-providers.js';

/**
 * How a live picture is coded: H.264 in Annex B form, or a JPEG picture.
 *
 * @group Live
 */
export type LiveCodec = 'h264' | 'jpeg';

/**
 * What a live picture shows: the translation, or the source it was made of.
 *
 * @group Live
 */
export type LiveTrack = 'translated' | 'source';

/**
 * Which pictures are wanted: what nobody watches isn't encoded. What is left out is not wanted.
 *
 * @group Live
 */
export type LiveTracks = Readonly<Partial<Record<LiveTrack, Readonly<Partial<Record<LiveCodec, boolean>>>>>>;

/**
 * One coded picture.
 *
 * @group Live
 */
export interface AccessUnit {
  /** What it shows. */
  readonly track: LiveTrack;
  /** How it is coded. */
  readonly codec: LiveCodec;
  /** Its bytes: an Annex B access unit, one of a key frame with SPS and PPS before it; or a JPEG file. */
  readonly data: Uint8Array;
  /** Whether it can be decoded without those before it. */
  readonly key: boolean;
  /** Whether a decoder has to start afresh here: the first of a stream, after a gap, or of another size. Only on keys. */
  readonly discontinuity: boolean;
  /** Counts the pictures of its track and codec from 0. */
  readonly sequence: number;
  /** When it is shown, on the source's own clock; never goes back. */
  readonly timestampMicroseconds: number;
  /** When it was captured, milliseconds since the Unix epoch; of a pushed picture what its sender said. */
  readonly captureTimeMilliseconds: number;
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/**
 * A coded picture of a pushed source.
 *
 * @group Live
 */
export interface PushedUnit {
  /** An Annex B access unit (a key frame's with SPS and PPS), or a JPEG file. The bytes must not be changed afterwards. */
  readonly data: Uint8Array;
  /** Whether it can be decoded without those before it; always true of a JPEG. */
  readonly key: boolean;
  /** When it is shown, whole microseconds, 0 or more, each later than the one before. */
  readonly timestampMicroseconds: number;
  /** When it was captured, on the sender's clock; carried through unchanged. */
  readonly captureTimeMilliseconds: number;
}

/**
 * What all pictures of a track have in common until told otherwise.
 *
 * @group Live
 */
export interface LiveStream {
  /** Which track. */
  readonly track: LiveTrack;
  /** Codec as browsers call it (`avc1.42C01E`), or `jpeg`. */
  readonly codec: string;
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Nominal frames a second, where the source states them. */
  readonly frameRate: number | undefined;
  /** Where the network runs. */
  readonly provider: ProviderName;
  /** Id of the model. */
  readonly model: string;
}

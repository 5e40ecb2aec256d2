import { maxCameraSide, protocolVersion } from './limits.js';

/** What a track shows: the translated picture, or the source's own. */
export type Track = 'translated' | 'source';

/** How pictures travel: H.264 in Annex B form, an access unit a message; or a JPEG picture a message. */
export type MediaCodec = 'h264' | 'jpeg';

/** What stands before the bytes of a picture. */
export interface MediaHeader {
  /** How the payload is coded. */
  readonly codec: MediaCodec;
  /** What it shows. A camera's pictures are of the track `source`. */
  readonly track: Track;
  /** Whether it can be decoded without those before it. Always true of JPEG. */
  readonly key: boolean;
  /** Whether the decoder has to begin afresh here: another size, another source, or the file from its beginning. */
  readonly discontinuity: boolean;
  /**
   * Whether newer ones follow at once: to be decoded, not shown. Those that a page gets when it joins between two keys.
   * Left out is false.
   */
  readonly catchUp?: boolean;
  /** Counts the pictures of a track, from 0, and wraps at 2^32. A gap says that some were left out. */
  readonly sequence: number;
  /** When it is shown, in microseconds of its source's clock. */
  readonly timestampMicroseconds: number;
  /**
   * When it was captured, in milliseconds since 1970 of the capturing side's clock: the server's, or the page's whose
   * camera it is.
   */
  readonly captureTimeMilliseconds: number;
  /** Width of the picture. */
  readonly width: number;
  /** Height of the picture. */
  readonly height: number;
}

/** A media message in its parts. */
export interface MediaMessage {
  readonly header: MediaHeader;
  /** The picture's bytes: a view of the message, not a copy. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A message that is not of this protocol. Its text names the part at fault. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

/** Where each field of the header stands, and its type; numbers are big-endian. */
export const mediaHeaderLayout = {
  version: { offset: 0, type: 'u8' },
  codec: { offset: 1, type: 'u8' },
  track: { offset: 2, type: 'u8' },
  flags: { offset: 3, type: 'u8' },
  sequence: { offset: 4, type: 'u32' },
  timestampMicroseconds: { offset: 8, type: 'i64' },
  captureTimeMilliseconds: { offset: 16, type: 'f64' },
  width: { offset: 24, type: 'u16' },
  height: { offset: 26, type: 'u16' },
  reserved: { offset: 28, type: 'u32' },
} as const;

/** Length of the header in bytes; the payload follows. */
export const mediaHeaderBytes = 32;

/** The numbers that stand for codecs. */
export const codecNumbers = { h264: 1, jpeg: 2 } as const satisfies Record<MediaCodec, number>;

/** The numbers that stand for tracks. */
export const trackNumbers = { translated: 0, source: 1 } as const satisfies Record<Track, number>;

/** The bits of the flags. */
export const mediaFlags = { key: 1, discontinuity: 2, catchUp: 4 } as const;

const codecs = new Map<number, MediaCodec>([
  [codecNumbers.h264, 'h264'],
  [codecNumbers.jpeg, 'jpeg'],
]);
const tracks = new Map<number, Track>([
  [trackNumbers.translated, 'translated'],
  [trackNumbers.source, 'source'],
]);
const allFlags = mediaFlags.key | mediaFlags.discontinuity | mediaFlags.catchUp;

/** Writes a header of {@link mediaHeaderBytes} bytes. */
export function encodeMediaHeader(header: MediaHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(mediaHeaderBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(mediaHeaderLayout.version.offset, protocolVersion);
  view.setUint8(mediaHeaderLayout.codec.offset, codecNumbers[header.codec]);
  view.setUint8(mediaHeaderLayout.track.offset, trackNumbers[header.track]);
  view.setUint8(mediaHeaderLayout.flags.offset, flagsOf(header));
  view.setUint32(mediaHeaderLayout.sequence.offset, header.sequence);
  const timestamp = BigInt(Math.round(header.timestampMicroseconds));
  view.setBigInt64(mediaHeaderLayout.timestampMicroseconds.offset, timestamp);
  view.setFloat64(mediaHeaderLayout.captureTimeMilliseconds.offset, header.captureTimeMilliseconds);
  view.setUint16(mediaHeaderLayout.width.offset, header.width);
  view.setUint16(mediaHeaderLayout.height.offset, header.height);
  return bytes;
}

function flagsOf({ key, discontinuity, catchUp }: MediaHeader): number {
  const { key: isKey, discontinuity: isDiscontinuity, catchUp: isCatchUp } = mediaFlags;
  return (key ? isKey : 0) | (discontinuity ? isDiscontinuity : 0) | (catchUp ? isCatchUp : 0);
}

/** Joins a header and a picture into one message. */
export function encodeMediaMessage(header: MediaHeader, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(mediaHeaderBytes + payload.byteLength);
  message.set(encodeMediaHeader(header));
  message.set(payload, mediaHeaderBytes);
  return message;
}

/**
 * Takes a media message apart.
 *
 * @throws {@link MalformedMessageError} when it is not one.
 */
export function decodeMediaMessage(message: ArrayBuffer | Uint8Array<ArrayBuffer>): MediaMessage {
  const bytes = message instanceof Uint8Array ? message : new Uint8Array(message);
  if (bytes.byteLength <= mediaHeaderBytes) {
    throw new MalformedMessageError(`A media message of ${bytes.byteLength} bytes holds no picture.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, mediaHeaderBytes);
  const version = view.getUint8(mediaHeaderLayout.version.offset);
  const codec = codecs.get(view.getUint8(mediaHeaderLayout.codec.offset));
  const track = tracks.get(view.getUint8(mediaHeaderLayout.track.offset));
  const flags = view.getUint8(mediaHeaderLayout.flags.offset);
  const timestampMicroseconds = Number(view.getBigInt64(mediaHeaderLayout.timestampMicroseconds.offset));
  const captureTimeMilliseconds = view.getFloat64(mediaHeaderLayout.captureTimeMilliseconds.offset);
  const width = view.getUint16(mediaHeaderLayout.width.offset);
  const height = view.getUint16(mediaHeaderLayout.height.offset);
  assertWellFormed(version === protocolVersion, 'version', version);
  assertWellFormed(codec !== undefined, 'codec', view.getUint8(mediaHeaderLayout.codec.offset));
  assertWellFormed(track !== undefined, 'track', view.getUint8(mediaHeaderLayout.track.offset));
  assertWellFormed((flags & ~allFlags) === 0, 'flags', flags);
  assertWellFormed(Number.isSafeInteger(timestampMicroseconds), 'timestamp', timestampMicroseconds);
  assertWellFormed(Number.isFinite(captureTimeMilliseconds), 'capture time', captureTimeMilliseconds);
  assertWellFormed(width > 0 && width <= maxCameraSide * 2, 'width', width);
  assertWellFormed(height > 0 && height <= maxCameraSide * 2, 'height', height);
  const reserved = view.getUint32(mediaHeaderLayout.reserved.offset);
  assertWellFormed(reserved === 0, 'reserved field', reserved);
  const header: MediaHeader = {
    codec,
    track,
    key: (flags & mediaFlags.key) !== 0,
    discontinuity: (flags & mediaFlags.discontinuity) !== 0,
    catchUp: (flags & mediaFlags.catchUp) !== 0,
    sequence: view.getUint32(mediaHeaderLayout.sequence.offset),
    timestampMicroseconds,
    captureTimeMilliseconds,
    width,
    height,
  };
  return { header, payload: bytes.subarray(mediaHeaderBytes) };
}

function assertWellFormed(holds: boolean, field: string, found: number): asserts holds {
  if (!holds) {
    throw new MalformedMessageError(`The ${field} of a media message can't be ${found}.`);
  }
}

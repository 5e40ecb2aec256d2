import type { Rational, VideoFormat } from '../../frame/frame.js';
import { crc32, fileId, frameFlags, rgb24Tag, startCodes } from './syntax.js';

/** The two frame codes that are written: a frame of stream 0 whose timestamp, size and checksum follow; a key frame or not. */
const keyFrameCode = 1;
const otherFrameCode = 2;
/** The longest distance between syncpoints that a reader has to accept. */
const maxDistance = 65536;
/** Timestamps below this power of two would be differences; all of ours are written whole. */
const msbPtsShift = 7;

/** An unsigned number, seven bits a byte, most significant first. */
function v(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.unshift(Number(rest & 0x7fn) | (bytes.length === 0 ? 0 : 0x80));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A signed number. */
function s(value: number): Buffer {
  return v(value > 0 ? 2 * value - 1 : -2 * value);
}

/** Bytes with their length before them. */
function vb(bytes: Uint8Array): Buffer {
  return Buffer.concat([v(bytes.length), bytes]);
}

function withChecksum(content: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(content));
  return Buffer.concat([content, checksum]);
}

function packet(startCode: bigint, content: Buffer): Buffer {
  const code = Buffer.alloc(8);
  code.writeBigUInt64BE(startCode);
  const body = withChecksum(content);
  // Packets over 4096 bytes would want a checksum of their header too; ours are far smaller.
  return Buffer.concat([code, v(body.length), body]);
}

function mainHeader(timeBase: Rational): Buffer {
  const { key, codedPts, sizeMsb, checksum, invalid } = frameFlags;
  // A line of the frame code table: flags, how many fields follow, pts delta, size multiplier, stream, size, reserved, count.
  const entry = (flags: number, count: number) =>
    Buffer.concat([v(flags), v(6), s(0), v(1), v(0), v(0), v(0), v(count)]);
  return packet(
    startCodes.main,
    Buffer.concat([
      v(3), // version
      v(1), // streams
      v(maxDistance),
      v(1), // time bases
      v(timeBase.numerator),
      v(timeBase.denominator),
      entry(invalid, keyFrameCode),
      entry(key | codedPts | sizeMsb | checksum, 1),
      entry(codedPts | sizeMsb | checksum, 1),
      // 'N' (a start code's first byte) is skipped by the count.
      entry(invalid, 256 - otherFrameCode - 2),
      v(0), // elided headers
    ]),
  );
}

function streamHeader(format: VideoFormat, { tag, setup }: NutCodec): Buffer {
  const aspect = format.sampleAspectRatio;
  // Further apart than this, timestamps need a checksum; every frame of ours has one.
  const maxPtsDistance = 1;
  return packet(
    startCodes.stream,
    Buffer.concat([
      v(0), // stream
      v(0), // class: video
      vb(tag),
      v(0), // time base
      v(msbPtsShift),
      v(maxPtsDistance),
      v(0), // decode delay
      v(0), // flags
      vb(setup),
      v(format.width),
      v(format.height),
      v(aspect?.numerator ?? 0),
      v(aspect?.denominator ?? 0),
      v(0), // colour space: said to ffmpeg on its command line
    ]),
  );
}

function frameRateInfo(frameRate: Rational): Buffer {
  return packet(
    startCodes.info,
    Buffer.concat([
      v(1), // stream + 1
      s(0), // chapter
      v(0), // chapter's start
      v(0), // chapter's length
      v(1), // fields
      vb(Buffer.from('r_frame_rate')),
      s(-1), // a string follows
      vb(Buffer.from(`${frameRate.numerator}/${frameRate.denominator}`)),
    ]),
  );
}

/** How the pictures of a NUT stream are coded. */
export interface NutCodec {
  /** Four letters, as in AVI. */
  readonly tag: Buffer;
  /** What a decoder needs before the first picture; for H.264 its SPS and PPS, or nothing where each key frame has them. */
  readonly setup: Uint8Array;
}

const rawRgb: NutCodec = { tag: rgb24Tag, setup: new Uint8Array(0) };

/**
 * Everything that stands before the first frame of a NUT stream.
 *
 * @param format - Its time base must be in lowest terms; its frame rate becomes the encoder's nominal one.
 * @param codec - What the frames are. Default: raw RGB pictures.
 */
export function nutHeader(format: VideoFormat, codec: NutCodec = rawRgb): Buffer {
  return Buffer.concat([
    fileId,
    mainHeader(format.timeBase),
    streamHeader(format, codec),
    ...(format.frameRate === undefined ? [] : [frameRateInfo(format.frameRate)]),
  ]);
}

/**
 * What stands before a frame's bytes: a syncpoint and the frame's header.
 *
 * @param timestamp - In ticks of the stream's time base, not negative.
 * @param byteLength - Bytes of the picture that follows.
 * @param key - Whether it can be decoded without those before it.
 */
export function nutFrameHeader(timestamp: number, byteLength: number, key = true): Buffer {
  const syncpoint = packet(startCodes.syncpoint, Buffer.concat([v(timestamp), v(0)]));
  const header = Buffer.concat([
    Buffer.from([key ? keyFrameCode : otherFrameCode]),
    v(timestamp + (1 << msbPtsShift)),
    v(byteLength),
  ]);
  return Buffer.concat([syncpoint, withChecksum(header)]);
}

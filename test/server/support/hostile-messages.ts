import fc from 'fast-check';

import { encodeMediaMessage, mediaHeaderBytes } from '../../../dist/server/protocol.js';

/** Messages that a page may send, to be spoilt. */
export const validMessages: readonly object[] = [
  { type: 'hello', version: 1, codecs: { decode: ['avc1.42E01F'], encode: [], jpeg: true } },
  { type: 'watch', tracks: ['translated', 'source'], codec: 'h264', room: 'studio' },
  { type: 'effect', id: 'day-to-night' },
  { type: 'strength', value: 0.5 },
  { type: 'camera-start', codec: 'jpeg', width: 640, height: 360, frameRate: 30 },
  { type: 'camera-stop' },
  { type: 'key-request' },
  { type: 'play' },
  { type: 'report', decodeQueue: 0, delayMilliseconds: { p50: 1, p95: 2 }, decoded: 3, dropped: 0 },
  { type: 'pong', serverTime: 1, clientTime: 2 },
];

/** Bytes, texts, JSON and numbers without a meaning. */
export const randomMessage: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.string({ maxLength: 200 }),
  fc.json({ maxDepth: 3 }),
  fc.double().map(String),
);

/** A valid message with one field gone, or of another kind, or a picture with one byte changed. */
export const nearlyValidMessage: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...validMessages),
      fc.nat(6),
      fc.oneof(fc.jsonValue(), fc.constant(undefined), fc.constant(-1e300)),
    )
    .map(([message, at, value]) => {
      const entries = Object.entries(message);
      const name = entries[at % entries.length]?.[0] ?? '';
      return JSON.stringify({ ...message, [name]: value });
    }),
  fc.tuple(fc.nat(mediaHeaderBytes - 1), fc.nat(255), fc.nat(4)).map(([at, value, length]) => {
    const picture = encodeMediaMessage(
      {
        ...{ codec: 'jpeg', track: 'source', key: true, discontinuity: false, sequence: 0 },
        ...{ timestampMicroseconds: 0, captureTimeMilliseconds: 0, width: 640, height: 360 },
      },
      new Uint8Array(length),
    );
    picture[at] = value;
    return picture;
  }),
);

import * as z from 'zod/mini';

import { maxCameraSide } from './limits.js';
import { parseMessage } from './parse-message.js';

// zod/mini: it is small in the page, and has no code generation that a Content-Security-Policy would forbid.

/** Name of a room: one camera shown to all who ask for it by this name. */
export const roomNameSchema = z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/));

const codecString = z.string().check(z.maxLength(64));
const codecStrings = z.array(codecString).check(z.maxLength(32));
const mediaCodec = z.enum(['h264', 'jpeg']);
const track = z.enum(['translated', 'source']);
const side = z.int().check(z.minimum(16), z.maximum(maxCameraSide));
const count = z.int().check(z.nonnegative());
const milliseconds = z.number();

/** Half of all were below p50, 95 of a hundred below p95; milliseconds. */
export const percentilesSchema = z.object({ p50: milliseconds, p95: milliseconds });

/** What a page may send, by type. */
export const clientMessages = {
  hello: z.object({
    type: z.literal('hello'),
    version: z.int(),
    codecs: z.object({ decode: codecStrings, encode: codecStrings, jpeg: z.boolean() }),
  }),
  watch: z.object({
    type: z.literal('watch'),
    tracks: z.array(track).check(z.maxLength(2)),
    codec: mediaCodec,
    room: z.optional(roomNameSchema),
  }),
  effect: z.object({ type: z.literal('effect'), id: z.string().check(z.minLength(1), z.maxLength(128)) }),
  strength: z.object({ type: z.literal('strength'), value: z.number().check(z.minimum(0), z.maximum(1)) }),
  'camera-start': z.object({
    type: z.literal('camera-start'),
    codec: mediaCodec,
    width: side,
    height: side,
    frameRate: z.number().check(z.minimum(1), z.maximum(120)),
    room: z.optional(roomNameSchema),
  }),
  'camera-stop': z.object({ type: z.literal('camera-stop') }),
  'key-request': z.object({ type: z.literal('key-request') }),
  play: z.object({ type: z.literal('play') }),
  pause: z.object({ type: z.literal('pause') }),
  report: z.object({
    type: z.literal('report'),
    decodeQueue: count,
    delayMilliseconds: z.nullable(percentilesSchema),
    decoded: count,
    dropped: count,
  }),
  pong: z.object({ type: z.literal('pong'), serverTime: z.number(), clientTime: z.number() }),
} as const;

const clientMessageSchema = z.discriminatedUnion('type', [
  clientMessages.hello,
  clientMessages.watch,
  clientMessages.effect,
  clientMessages.strength,
  clientMessages['camera-start'],
  clientMessages['camera-stop'],
  clientMessages['key-request'],
  clientMessages.play,
  clientMessages.pause,
  clientMessages.report,
  clientMessages.pong,
]);

/** A control message from a page to the server. */
export type ClientMessage = z.output<typeof clientMessageSchema>;

/** Half of all were below p50, 95 of a hundred below p95; milliseconds. */
export type Percentiles = z.output<typeof percentilesSchema>;

/**
 * Reads a control message that a page sent.
 *
 * @throws {@link MalformedMessageError} naming the field at fault.
 */
export function parseClientMessage(text: string): ClientMessage {
  return parseMessage(clientMessageSchema, text);
}

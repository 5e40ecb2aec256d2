import * as z from 'zod/mini';

import { percentilesSchema } from './client-messages.js';
import { parseMessage } from './parse-message.js';

const track = z.enum(['translated', 'source']);
const text = z.string();
const number = z.number();

/** Numbers that an effect lets be set, `strength` for instance. */
const conditions = z.array(text);

/** What a server may send, by type. */
export const serverMessages = {
  welcome: z.object({
    type: z.literal('welcome'),
    version: number,
    serverTime: number,
    session: text,
    source: z.nullable(z.object({ kind: z.enum(['camera', 'file', 'url']), title: text })),
    effects: z.array(z.object({ id: text, title: text, conditions })),
    effect: text,
    strength: number,
    maySetEffect: z.boolean(),
    limits: z.object({ cameras: number, cameraSide: number, cameraCredit: number, mediaBytes: number }),
  }),
  stream: z.object({
    type: z.literal('stream'),
    track,
    codec: text,
    width: number,
    height: number,
    frameRate: z.nullable(number),
    provider: text,
    model: text,
  }),
  status: z.object({
    type: z.literal('status'),
    state: z.enum(['starting', 'live', 'reconnecting', 'ended', 'failed']),
    message: text,
    remedy: z.optional(text),
  }),
  effect: z.object({ type: z.literal('effect'), id: text, strength: number, maySetEffect: z.boolean() }),
  credit: z.object({ type: z.literal('credit'), frames: number }),
  'key-request': z.object({ type: z.literal('key-request') }),
  statistics: z.object({
    type: z.literal('statistics'),
    fps: number,
    stages: z.object({ decode: percentilesSchema, infer: percentilesSchema, encode: percentilesSchema }),
    delay: z.nullable(percentilesSchema),
    dropped: z.object({ beforeGenerator: number, beforeEncoder: number, viewer: number }),
    viewers: number,
  }),
  refused: z.object({
    type: z.literal('refused'),
    request: text,
    code: text,
    message: text,
    remedy: z.optional(text),
  }),
  error: z.object({ type: z.literal('error'), code: text, message: text, remedy: z.optional(text) }),
  ping: z.object({ type: z.literal('ping'), serverTime: number }),
} as const;

const serverMessageSchema = z.discriminatedUnion('type', [
  serverMessages.welcome,
  serverMessages.stream,
  serverMessages.status,
  serverMessages.effect,
  serverMessages.credit,
  serverMessages['key-request'],
  serverMessages.statistics,
  serverMessages.refused,
  serverMessages.error,
  serverMessages.ping,
]);

/** A control message from the server to a page. */
export type ServerMessage = z.output<typeof serverMessageSchema>;

/**
 * Reads a control message that a server sent.
 *
 * @throws {@link MalformedMessageError} naming the field at fault.
 */
export function parseServerMessage(text: string): ServerMessage {
  return parseMessage(serverMessageSchema, text);
}

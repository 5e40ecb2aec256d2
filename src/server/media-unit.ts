import type { AccessUnit, LiveCodec, LiveTrack } from '../live/pictures.js';
import { encodeMediaMessage, mediaFlags, mediaHeaderLayout } from './protocol.js';

/** A coded picture as it goes to viewers: one message, made once, whoever gets it. */
export interface MediaUnit {
  readonly track: LiveTrack;
  readonly codec: LiveCodec;
  readonly key: boolean;
  /** Header and picture. Shared by all viewers: never to be changed. */
  readonly message: Uint8Array<ArrayBuffer>;
}

/** Makes the message of a coded picture. */
export function toMediaUnit(unit: AccessUnit): MediaUnit {
  const { track, codec, key, data } = unit;
  return { track, codec, key, message: encodeMediaMessage({ ...unit, sequence: unit.sequence >>> 0 }, data) };
}

/**
 * The message that a viewer who joins late gets for a picture that others had when it was new: the first of them begins
 * its decoder, and all but the last are on the way to the newest.
 */
export function catchUpMessage(unit: MediaUnit, index: number, count: number): Uint8Array<ArrayBuffer> {
  const message = unit.message.slice();
  const offset = mediaHeaderLayout.flags.offset;
  const begins = index === 0 ? mediaFlags.discontinuity : 0;
  const isOld = index < count - 1 ? mediaFlags.catchUp : 0;
  message[offset] = (message[offset] ?? 0) | begins | isOld;
  return message;
}

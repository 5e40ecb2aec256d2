import type { MediaMessage } from '../../../src/server/protocol.js';
import type { DecoderKind } from './messages.js';
import type { Picture } from './picture.js';

/** What a decoder tells. */
export interface TrackDecoderEvents {
  /** A picture, which the listener closes; `isPassedOver` where newer ones are right behind it. */
  readonly onPicture: (picture: Picture, isPassedOver: boolean) => void;
  /** What decodes from now on. */
  readonly onDecoder: (kind: DecoderKind) => void;
  /** It can go on at a key unit only, and would rather not wait for the next. */
  readonly onKeyWanted: () => void;
  /** It can't decode this track in time on this machine. */
  readonly onGivenUp: (reason: string) => void;
}

/** Turns the units of one track into pictures. */
export interface TrackDecoder {
  /** Units given to it that have not come back. */
  readonly queue: number;
  decode(unit: MediaMessage): void;
  /** Forgets what is in it; what comes next is another film. */
  reset(): void;
  close(): void;
}

import type { MediaMessage, Percentiles } from '../../../src/server/protocol.js';

/** How the pictures are laid out on the canvas. */
export interface View {
  /** Share of the width, from the left, that shows the original; undefined shows the translation alone. */
  readonly divider: number | undefined;
  /** Whether left and right are exchanged, as in a mirror. */
  readonly mirrored: boolean;
}

/** What the page asks of its player; structured-cloneable, since the player may live in a worker. */
export type PlayerCommand =
  | { readonly type: 'unit'; readonly unit: MediaMessage }
  | { readonly type: 'original'; readonly picture: ImageBitmap; readonly timestampMicroseconds: number }
  | { readonly type: 'view'; readonly view: View }
  | { readonly type: 'clock'; readonly offsetMilliseconds: number }
  | { readonly type: 'reset' }
  | { readonly type: 'snapshot' };

/** What the player tells the page. */
export type PlayerEvent =
  | { readonly type: 'size'; readonly width: number; readonly height: number }
  | { readonly type: 'statistics'; readonly statistics: PlayerStatistics }
  | { readonly type: 'key-wanted' }
  | { readonly type: 'decoder'; readonly decoder: DecoderKind }
  | { readonly type: 'decoder-failed'; readonly reason: string }
  | { readonly type: 'snapshot'; readonly picture: Blob | undefined };

/** What turns units into pictures at the moment. */
export type DecoderKind = 'webcodecs' | 'webcodecs-software' | 'jpeg';

/** What a second of playing came to. */
export interface PlayerStatistics {
  /** Pictures shown in the last second. */
  readonly fps: number;
  /** Pictures decoded since the start. */
  readonly decoded: number;
  /** Pictures shown since the start. */
  readonly shown: number;
  /** Pictures of the translated track that never got here, or were decoded and passed over for a newer one. */
  readonly dropped: number;
  /** Units given to the decoder that have not come back. */
  readonly decodeQueue: number;
  /** From capture to screen, in milliseconds, over the last seconds; undefined before the first picture. */
  readonly delayMilliseconds: Percentiles | undefined;
}

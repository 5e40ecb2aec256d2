import type { FramePool } from '../../frame/frame-pool.js';
import type { Frame } from '../../frame/frame.js';

/** A picture of a live source. Its timestamp is in microseconds on the source's own clock, and never goes back. */
export interface LiveFrame extends Frame {
  /** When it was captured, milliseconds since the Unix epoch; of a pushed picture what its sender said. */
  readonly captureTimeMilliseconds: number;
  /** When this process had it, or its coded form, on the clock of `performance.now()`. */
  readonly arrived: number;
  /** Milliseconds that decoding took; undefined where that can't be told from waiting. */
  readonly decodeMilliseconds: number | undefined;
  /** Whether it doesn't follow the one before: the first, after a gap, at a loop. */
  readonly discontinuity: boolean;
}

/** What all pictures have in common until the source says otherwise. */
export interface LiveFormat {
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Nominal frames a second, where they are known. */
  readonly frameRate: number | undefined;
  /** Where the pictures' buffers come from, and go back to. */
  readonly pool: FramePool;
}

/** How a source is. */
export interface LiveSourceStatus {
  readonly state: 'live' | 'reconnecting' | 'ended';
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** Whom a live source tells. */
export interface LiveSourceEvents {
  /** Told of the pictures' size before the first one, and again when it changes; the source waits meanwhile. */
  onFormat(format: LiveFormat): Promise<void>;
  /** Given each picture; who is given it, gives its buffer back to the pool. */
  onFrame(frame: LiveFrame): void;
  /** Told of each change. */
  onStatus(status: LiveSourceStatus): void;
  /** Told in one line what the user should know. */
  onNotice(notice: string): void;
}

/** Something that live pictures come from. */
export interface LiveSource extends AsyncDisposable {
  /** Begins to give pictures. */
  start(events: LiveSourceEvents): void;
  /** Gives no pictures until {@link LiveSource.resume}. */
  pause(): void;
  /** Gives pictures again. */
  resume(): void;
  /** Lets go of everything; may be called at any time and more than once. */
  close(): Promise<void>;
}

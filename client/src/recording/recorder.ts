import type { MediaMessage } from '../../../src/server/protocol.js';
import { CanvasRecording } from './canvas-recording.js';
import { UnitRecording } from './unit-recording.js';

/** A finished recording. */
export interface RecordedFile {
  readonly data: Blob;
  /** `mp4`, or what else this browser can write. */
  readonly extension: string;
}

/** A recording under way. */
export interface Recording {
  /** Offers what came in; what isn't of use to it is left alone. */
  add(unit: MediaMessage): void;
  /** Why it can't go on; undefined while it can. */
  readonly isFull: boolean;
  /** Ends it; undefined when nothing was recorded. */
  finish(): Promise<RecordedFile | undefined>;
}

/**
 * Begins to record: the H.264 as it comes, with no loss and next to no work, or the canvas where the pictures come as JPEG.
 */
export async function startRecording(canvas: HTMLCanvasElement, codec: 'h264' | 'jpeg'): Promise<Recording> {
  return codec === 'h264' ? await UnitRecording.start() : new CanvasRecording(canvas);
}

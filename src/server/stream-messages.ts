import type { LiveCodec, LiveStream } from '../live/pictures.js';
import type { LiveStatistics } from '../live/statistics.js';
import type { LiveStatus } from '../live/types.js';
import type { ServerMessage } from './protocol.js';
import { hidePlaces } from './secrets.js';

/** How a translation is, as pages are told. */
export function statusMessage({ state, message, remedy }: LiveStatus): ServerMessage {
  const advice = remedy === undefined ? {} : { remedy: hidePlaces(remedy) };
  return { type: 'status', state, message: hidePlaces(message), ...advice };
}

/** What a stream is. */
export function streamMessage(stream: LiveStream): ServerMessage {
  return { type: 'stream', ...stream, frameRate: stream.frameRate ?? null };
}

/** The kind of codec that a stream has. */
export function codecOf({ codec }: LiveStream): LiveCodec {
  return codec === 'jpeg' ? 'jpeg' : 'h264';
}

/** The figures of a translation, and of one viewer of it. */
export function statisticsMessage(
  { fpsOut, stages, delay, dropped }: LiveStatistics,
  droppedForViewer: number,
  viewers: number,
): ServerMessage {
  return {
    type: 'statistics',
    fps: fpsOut,
    stages,
    delay: delay.p95 === 0 ? null : delay,
    dropped: {
      beforeGenerator: dropped.generator,
      beforeEncoder: dropped.late + dropped.encoder,
      viewer: droppedForViewer,
    },
    viewers,
  };
}

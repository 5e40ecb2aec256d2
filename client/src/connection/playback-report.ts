import type { ClientMessage } from '../../../src/server/protocol.js';
import type { PlayerStatistics } from '../player/messages.js';

/** Tells the server once a second how the playing goes. */
export class PlaybackReport {
  readonly #send: (message: ClientMessage) => void;
  #reported = { decoded: 0, dropped: 0 };

  constructor(send: (message: ClientMessage) => void) {
    this.#send = send;
  }

  /** Tells what has come to pass since the last report. */
  report({ decodeQueue, decoded, dropped, delayMilliseconds }: PlayerStatistics): void {
    this.#send({
      type: 'report',
      decodeQueue,
      delayMilliseconds: delayMilliseconds ?? null,
      decoded: Math.max(0, decoded - this.#reported.decoded),
      dropped: Math.max(0, dropped - this.#reported.dropped),
    });
    this.#reported = { decoded, dropped };
  }
}

import type { ClientMessage } from '../../../src/server/protocol.js';
import { showsOwnCamera, type ViewerState } from '../viewer-state.js';

/** Asks the server for what is to be shown, whenever that is something else than before. */
export class WatchRequest {
  /** What the pictures are to be coded as. */
  codec: 'h264' | 'jpeg' = 'jpeg';
  readonly #send: (message: ClientMessage) => void;
  readonly #room: string | undefined;
  #asked = '';

  /** @param room - Name of a shared camera to watch. */
  constructor(send: (message: ClientMessage) => void, room: string | undefined) {
    this.#send = send;
    this.#room = room;
  }

  /** Asks, unless that was asked last. */
  ask(state: ViewerState): void {
    if (state.connection.kind !== 'open') {
      return;
    }
    // The own camera's original is at hand already.
    const wantsOriginal = state.divider !== undefined && !showsOwnCamera(state);
    const message: ClientMessage = {
      type: 'watch',
      tracks: wantsOriginal ? ['translated', 'source'] : ['translated'],
      codec: this.codec,
      ...(this.#room === undefined ? {} : { room: this.#room }),
    };
    const asked = JSON.stringify(message);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#send(message);
    }
  }

  /** Asks on a new connection, whatever was asked on the one before. */
  askAnew(state: ViewerState): void {
    this.#asked = '';
    this.ask(state);
  }
}

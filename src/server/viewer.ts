import type { WebSocket } from 'ws';

import type { LiveCodec, LiveTrack } from '../live/pictures.js';
import { catchUpMessage, type MediaUnit } from './media-unit.js';
import type { ServerMessage } from './protocol.js';

/** What a page asked to be sent. */
export interface Wanted {
  readonly tracks: readonly LiveTrack[];
  readonly codec: LiveCodec;
}

/** Bytes that may wait in this process for a viewer, beside what it got in a burst when it joined. */
const maxBacklogBytes = 256 * 1024;

/**
 * Bytes that may wait when one more burst is asked for. Each burst is a whole group of pictures, and who asks again and again
 * without reading would have them all pile up here.
 */
const maxWaitingForBurst = 1024 * 1024;

/**
 * How old a `ping` may be that hasn't been answered, in milliseconds, before its viewer counts as behind. Pings travel in
 * line with the pictures, so this also bounds what waits in the system's buffers, which nobody else tells of.
 */
const maxAnswerDelay = 2000;

/**
 * How old before it counts as gone. Who reads at a tenth of the pace needs twenty seconds for what was sent before it counted
 * as behind; it is still there.
 */
const maxSilence = 60_000;

/**
 * The way to one viewer: what it wants, how far behind it is, and what it was spared. A viewer that is behind is sent
 * nothing until it has caught up, and then goes on at a key picture. Nobody else notices.
 */
export class Viewer {
  /** Pictures that it should have had, but was too slow for. */
  dropped = 0;
  /** Bytes that it was sent. */
  sentBytes = 0;
  readonly #socket: WebSocket;
  /** Tracks that go on at their next key picture, and why: it has just joined, or was too slow. */
  readonly #waitingForKey = new Map<LiveTrack, 'joined' | 'behind'>();
  #wanted: Wanted = { tracks: [], codec: 'h264' };
  #paused = false;
  /** Bytes of a burst that are still waiting: they are no sign of being slow. */
  #burstBytes = 0;
  #unanswered: { readonly serverTime: number; readonly at: number }[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** What it wants just now; no tracks while it is paused. */
  get wanted(): Wanted {
    return this.#paused ? { ...this.#wanted, tracks: [] } : this.#wanted;
  }

  /** Says what to send from now on. */
  want(wanted: Wanted): void {
    this.#wanted = { ...wanted, tracks: [...new Set(wanted.tracks)] };
  }

  /** Stops sending pictures, or goes on. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
  }

  /** Sends a control message. */
  send(message: ServerMessage): void {
    const text = JSON.stringify(message);
    this.sentBytes += text.length;
    this.#socket.send(text);
  }

  /** Begins a track: with the pictures since its last key, or, where there are none, at the next one. */
  begin(track: LiveTrack, units: readonly MediaUnit[]): void {
    if (units.length === 0 || this.#isBehind(0) || this.#socket.bufferedAmount > maxWaitingForBurst) {
      this.#waitingForKey.set(track, 'joined');
      return;
    }
    this.#waitingForKey.delete(track);
    units.forEach((unit, index) => {
      const message = catchUpMessage(unit, index, units.length);
      this.#burstBytes += message.byteLength;
      this.#sendBytes(message);
    });
  }

  /** Sends a picture, if it is wanted and there is room for it. Never waits. */
  deliver(unit: MediaUnit): void {
    if (unit.codec !== this.wanted.codec || !this.wanted.tracks.includes(unit.track)) {
      return;
    }
    if (this.#isBehind(unit.message.byteLength)) {
      this.#waitingForKey.set(unit.track, 'behind');
    } else if (unit.key) {
      this.#waitingForKey.delete(unit.track);
    }
    const waiting = this.#waitingForKey.get(unit.track);
    if (waiting === undefined) {
      this.#sendBytes(unit.message);
    } else if (waiting === 'behind') {
      this.dropped += 1;
    }
  }

  /** Asks for a sign of life. False when there has been none for so long that nobody can be there. */
  ping(): boolean {
    const at = performance.now();
    const [oldest] = this.#unanswered;
    if (oldest !== undefined && at - oldest.at > maxSilence) {
      return false;
    }
    const serverTime = Date.now();
    this.#unanswered.push({ serverTime, at });
    this.send({ type: 'ping', serverTime });
    return true;
  }

  /** Takes the answer to the ping of `serverTime`: it and all before it have come through. */
  answered(serverTime: number): void {
    const index = this.#unanswered.findIndex((ping) => ping.serverTime === serverTime);
    this.#unanswered = this.#unanswered.slice(index + 1);
  }

  #isBehind(bytes: number): boolean {
    const waiting = this.#socket.bufferedAmount;
    this.#burstBytes = Math.min(this.#burstBytes, waiting);
    const isFull = waiting > 0 && waiting + bytes > maxBacklogBytes + this.#burstBytes;
    const [oldest] = this.#unanswered;
    return isFull || (oldest !== undefined && performance.now() - oldest.at > maxAnswerDelay);
  }

  #sendBytes(message: Uint8Array): void {
    this.sentBytes += message.byteLength;
    // What can't be sent any more is told by the socket's own close event.
    this.#socket.send(message, { binary: true, compress: false }, () => undefined);
  }
}

import {
  closeCodes,
  decodeMediaMessage,
  parseServerMessage,
  socketPath,
  type ClientMessage,
  type MediaMessage,
  type ServerMessage,
} from '../../../src/server/protocol.js';
import { BackOff } from './back-off.js';
import { reloadWhereUnauthorized } from './sign-in.js';

/** How the connection is doing. */
export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly remedy: string | undefined };

/** What the connection tells. */
export interface ConnectionEvents {
  /** Whenever its state changes; `open` comes when the socket is open and `hello` is due. */
  readonly onState: (state: ConnectionState) => void;
  readonly onMessage: (message: ServerMessage) => void;
  readonly onMedia: (unit: MediaMessage) => void;
}

/** Unsent bytes from which on a camera picture is not sent: the way out is too slow for it. */
const mostUnsent = 512 * 1024;

/** Codes after which trying again is of no use: the page and the server don't fit. */
const finalCodes: readonly number[] = [closeCodes.policy, closeCodes.tooLarge];

/** The WebSocket to the server, opened again with back-off whenever it is lost. */
export class Connection {
  readonly #url: string;
  readonly #events: ConnectionEvents;
  readonly #backOff = new BackOff();
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #wasOpen = false;
  #error: Extract<ServerMessage, { type: 'error' }> | undefined;

  /** @param page - Address of the page; the socket is beside it. */
  constructor(page: URL | Location, events: ConnectionEvents) {
    const url = new URL(socketPath, page.href);
    url.protocol = page.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#url = url.href;
    this.#events = events;
    addEventListener('online', () => this.retryNow());
    addEventListener('pagehide', () => this.#socket?.close());
    addEventListener('pageshow', ({ persisted }) => persisted && this.open());
  }

  /** Opens it, unless it is open. */
  open(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#socket !== undefined) {
      return;
    }
    this.#error = undefined;
    this.#wasOpen = false;
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#events.onState({ kind: 'connecting' });
    socket.addEventListener('open', () => {
      this.#wasOpen = true;
      this.#events.onState({ kind: 'open' });
    });
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => this.#take(data));
    socket.addEventListener('close', (event) => this.#lose(event));
  }

  /** Doesn't wait any longer, where it waits. */
  retryNow(): void {
    if (this.#retry !== undefined) {
      this.open();
    }
  }

  send(message: ClientMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  /** Whether a picture can go out now, without queueing up behind others. */
  get hasRoom(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN && this.#socket.bufferedAmount < mostUnsent;
  }

  sendMedia(message: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(message);
    }
  }

  #take(data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      this.#events.onMedia(decodeMediaMessage(data));
      return;
    }
    const message = parseServerMessage(data);
    if (message.type === 'welcome') {
      this.#backOff.reset();
    } else if (message.type === 'error') {
      this.#error = message;
    }
    this.#events.onMessage(message);
  }

  #lose({ code, reason }: CloseEvent): void {
    this.#socket = undefined;
    const error = this.#error;
    if (finalCodes.includes(code)) {
      const told = error?.message ?? (reason === '' ? 'The server closed the connection.' : reason);
      this.#events.onState({ kind: 'refused', reason: told, remedy: error?.remedy });
      return;
    }
    if (!this.#wasOpen) {
      void reloadWhereUnauthorized();
    }
    this.#retry = setTimeout(() => this.open(), this.#backOff.next());
    const told = error?.message ?? (code === closeCodes.tryLater ? reason : '');
    this.#events.onState({ kind: 'waiting', reason: told });
  }
}

import type { WebSocket } from 'ws';

import { ProtocolViolation } from './faults.js';
import {
  closeCodes,
  maxControlBytes,
  maxMediaBytes,
  parseClientMessage,
  protocolVersion,
  type ClientMessage,
} from './protocol.js';
import { RateLimit } from './rate-limit.js';

/** A request of a page that has said hello. */
export type PageRequest = Exclude<ClientMessage, { type: 'hello' }>;

/** Who is given what a page sends. */
export interface InboxListener {
  onHello(): void;
  onRequest(request: PageRequest): void;
  /** Given a picture's message; false when nobody has a use for it just now. */
  onPicture(message: Uint8Array<ArrayBuffer>): boolean;
  /** Told of what can't go on: of a {@link ProtocolViolation}, or of what a listener threw. */
  onFault(error: unknown): void;
}

/** Messages that a page may send, pictures that are paced by credit left out. */
const messageRate = { burst: 120, perSecond: 60 };
/** How long a page may take to say hello, milliseconds. */
const helloDelay = 10_000;

/** How long nothing at all may come before the page is silent, milliseconds: it answers pings and reports every second. */
const maxSilence = 15_000;

/** Reads what a page sends: sizes, rates and forms are checked, and hello has to come first. */
export class Inbox {
  /** Bytes of pictures that came. */
  receivedBytes = 0;
  /** Whether the page has said hello. */
  greeted = false;
  readonly #listener: InboxListener;
  readonly #rate = new RateLimit(messageRate);
  readonly #helloTimer: NodeJS.Timeout;
  #heardAt = performance.now();

  constructor(socket: WebSocket, listener: InboxListener) {
    this.#listener = listener;
    this.#helloTimer = setTimeout(() => {
      listener.onFault(new ProtocolViolation('hello-missing', 'No hello came.'));
    }, helloDelay);
    socket.on('close', () => clearTimeout(this.#helloTimer));
    socket.on('message', (data: Buffer, isBinary) => {
      // What was under way when the socket was closed is nobody's any more.
      if (socket.readyState === socket.OPEN) {
        this.#receive(data, isBinary);
      }
    });
  }

  /** Whether nothing has come for long. */
  get isSilent(): boolean {
    return performance.now() - this.#heardAt > maxSilence;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#heardAt = performance.now();
    try {
      if (isBinary) {
        this.#receivePicture(data);
      } else {
        this.#receiveText(data);
      }
    } catch (error) {
      this.#listener.onFault(error);
    }
  }

  #receivePicture(data: Buffer): void {
    this.receivedBytes += data.byteLength;
    if (data.byteLength > maxMediaBytes) {
      throw new ProtocolViolation('too-large', 'A picture is too large.', closeCodes.tooLarge);
    }
    // A copy: a slice of what the socket read would keep all of that in memory.
    if (!this.#listener.onPicture(new Uint8Array(data))) {
      // Of a camera that was turned off meanwhile, or that has to begin with a key: well, as long as it is no flood. What is
      // taken is paced by its credit.
      this.#assertCalm();
    }
  }

  #receiveText(data: Buffer): void {
    this.#assertCalm();
    if (data.byteLength > maxControlBytes) {
      throw new ProtocolViolation('too-large', 'A control message is too long.', closeCodes.tooLarge);
    }
    const message = parseClientMessage(data.toString('utf8'));
    if (message.type === 'hello') {
      this.#greet(message.version);
    } else if (this.greeted) {
      this.#listener.onRequest(message);
    } else {
      throw new ProtocolViolation('hello-missing', `"${message.type}" came before "hello".`);
    }
  }

  #greet(version: number): void {
    if (this.greeted) {
      throw new ProtocolViolation('malformed', 'A second "hello" came.');
    }
    if (version !== protocolVersion) {
      const message = `The page speaks version ${version} of the protocol; the server speaks ${protocolVersion}.`;
      throw new ProtocolViolation('version-unsupported', message);
    }
    clearTimeout(this.#helloTimer);
    this.greeted = true;
    this.#listener.onHello();
  }

  #assertCalm(): void {
    if (!this.#rate.take()) {
      throw new ProtocolViolation('rate-exceeded', `More than ${messageRate.perSecond} messages a second came.`);
    }
  }
}

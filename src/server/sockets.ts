import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import type { Access } from './access.js';
import { closeCodes, maxMediaBytes, socketPath, type ServerMessage } from './protocol.js';

/** Why a viewer has to come again later: a word for programs, and a sentence. */
export interface ReasonToWait {
  readonly code: string;
  readonly message: string;
}

/** What decides on handshakes, and who gets the sockets. */
export interface SocketsOptions {
  readonly access: Access;
  /** Why nobody may come just now, though they may later; undefined when one more may. */
  reasonToWait(): ReasonToWait | undefined;
  onSocket(socket: WebSocket): void;
  /** Told why a handshake was refused. */
  onRefused(reason: string): void;
}

/** Why a handshake is refused, and with which status. */
interface HandshakeRefusal {
  readonly status: number;
  readonly reason: string;
}

/** Turns HTTP connections into WebSockets, where that is allowed. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server = new WebSocketServer({
    ...{ noServer: true, clientTracking: false },
    // Coded pictures don't get smaller, and compressing them costs time and memory.
    perMessageDeflate: false,
    maxPayload: maxMediaBytes,
  });

  constructor(options: SocketsOptions) {
    this.#options = options;
  }

  /** Answers a handshake. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    // Until the socket has an owner, somebody who goes away in the middle must not bring the server down.
    const ignore = () => undefined;
    connection.on('error', ignore);
    const refusal = this.#reasonToRefuse(request);
    if (refusal !== undefined) {
      this.#options.onRefused(refusal.reason);
      const { status } = refusal;
      connection.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      return;
    }
    this.#server.handleUpgrade(request, connection, head, (socket) => {
      connection.off('error', ignore);
      const reason = this.#options.reasonToWait();
      if (reason === undefined) {
        this.#options.onSocket(socket);
      } else {
        this.#turnAway(socket, reason);
      }
    });
  }

  #reasonToRefuse(request: IncomingMessage): HandshakeRefusal | undefined {
    const { access } = this.#options;
    const [path] = (request.url ?? '').split('?');
    if (path !== socketPath) {
      return { status: 404, reason: 'path' };
    }
    if (!access.isOurHost(request)) {
      return { status: 421, reason: 'host' };
    }
    if (!access.isOurOrigin(request)) {
      return { status: 403, reason: 'origin' };
    }
    const authorisation = access.authorisation(request);
    return authorisation === 'granted'
      ? undefined
      : { status: authorisation === 'too-many-attempts' ? 429 : 401, reason: 'token' };
  }

  #turnAway(socket: WebSocket, { code, message }: ReasonToWait): void {
    this.#options.onRefused(code);
    socket.on('error', () => undefined);
    socket.send(JSON.stringify({ type: 'error', code, message } satisfies ServerMessage));
    socket.close(closeCodes.tryLater, code);
  }
}

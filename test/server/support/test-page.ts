import { WebSocket } from 'ws';

import {
  decodeMediaMessage,
  parseServerMessage,
  type ClientMessage,
  type MediaMessage,
  type ServerMessage,
} from '../../../dist/server/protocol.js';

/** How a page connects. */
export interface PageOptions {
  readonly headers?: Record<string, string>;
  readonly path?: string;
  /** Whether it leaves pings unanswered. */
  readonly mute?: boolean;
}

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>;

/** How long a message may take to come; tests that wait for none wait much less. */
const patience = 10_000;

/** A viewer page as far as the server can tell: a socket that speaks the protocol. */
export class TestPage {
  /** Control messages that came and that no test has taken yet. */
  readonly messages: ServerMessage[] = [];
  /** Pictures that came. */
  readonly pictures: MediaMessage[] = [];
  /** How the socket was closed: code and reason. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly socket: WebSocket;
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket, mute: boolean) {
    this.socket = socket;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.pictures.push(decodeMediaMessage(new Uint8Array(data)));
      } else {
        const message = parseServerMessage(data.toString('utf8'));
        if (message.type === 'ping' && !mute) {
          this.send({ type: 'pong', serverTime: message.serverTime, clientTime: Date.now() });
        }
        this.messages.push(message);
      }
      this.#wakeAll();
    });
    socket.on('close', () => this.#wakeAll());
  }

  /** Connects. Rejects with the status of a handshake that was refused. */
  static async connect(port: number, { headers = {}, path = '/live', mute = false }: PageOptions = {}) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers, perMessageDeflate: false });
    const page = new TestPage(socket, mute);
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('unexpected-response', (request, response) => {
        request.destroy();
        reject(new Error(String(response.statusCode)));
      });
      socket.on('error', reject);
    });
    return page;
  }

  hello(version = 1): void {
    this.send({ type: 'hello', version, codecs: { decode: ['avc1.42E01F'], encode: [], jpeg: true } });
  }

  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Takes the next control message of a type; those before it that are of other types stay. */
  async next<Type extends ServerMessage['type']>(type: Type): Promise<MessageOf<Type>> {
    await this.until(() => this.messages.some((message) => message.type === type), `a message "${type}"`);
    const index = this.messages.findIndex((message) => message.type === type);
    return this.messages.splice(index, 1)[0] as MessageOf<Type>;
  }

  /** Resolves when `holds`; rejects after a while, or when the socket is closed, saying what didn't come. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + patience;
    while (!holds()) {
      if (this.socket.readyState === WebSocket.CLOSED || Date.now() > deadline) {
        const came = this.messages.map((message) => JSON.stringify(message)).slice(-5);
        throw new Error(`${what} did not come; last came ${came.join(' ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Resolves when so many pictures have come. */
  async gets(count: number): Promise<void> {
    await this.until(() => this.pictures.length >= count, `picture ${count}`);
  }

  /** Resolves when all that the server has sent so far, and all that this page has, has come through. */
  async settle(): Promise<void> {
    const answered = new Promise<void>((resolve) => this.socket.once('pong', () => resolve()));
    this.socket.ping();
    await answered;
  }

  terminate(): void {
    this.socket.terminate();
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    waiting.forEach((wake) => wake());
  }
}

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A request as the server saw it, and what it sent. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly authorization: string | undefined;
  bytesSent: number;
}

/** What goes wrong with the next answer for a path. */
export type Mishap =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: 'redirect'; readonly to: string; readonly headers?: Record<string, string> }
  | { readonly kind: 'break-off' | 'stall'; readonly after: number }
  | { readonly kind: 'short'; readonly bytes: number };

/** A web server with files, real sockets, and mishaps on demand. */
export class FileServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #etags = new Map<string, string>();
  readonly #mishaps = new Map<string, Mishap[]>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Its address, ending in a slash. */
  url = '';
  /** Whether requests for a part are answered with a part. */
  ranges = true;
  /** Bytes a second for each answer; 0 for as fast as it goes. */
  bytesPerSecond = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(files: Readonly<Record<string, Buffer>> = {}): Promise<FileServer> {
    const server = new FileServer();
    Object.entries(files).forEach(([path, content]) => server.put(path, content));
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}/`;
    return server;
  }

  put(path: string, content: Buffer): void {
    this.#files.set(path, content);
    this.#etags.set(path, `"${createHash('md5').update(content).digest('hex')}"`);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  /** Lets the next answers to GET requests for `path` go wrong, one after the other. */
  fail(path: string, ...mishaps: Mishap[]): void {
    this.#mishaps.set(path, [...(this.#mishaps.get(path) ?? []), ...mishaps]);
  }

  /** The GET requests for a path, in their order. */
  gets(path: string): readonly SeenRequest[] {
    return this.requests.filter((request) => request.method === 'GET' && request.path === path);
  }

  async close(): Promise<void> {
    this.#sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://server').pathname;
    const { range, 'if-range': ifRange, authorization } = request.headers;
    const seen: SeenRequest = {
      ...{ method: request.method ?? '', path, range, authorization, bytesSent: 0 },
      ifRange: Array.isArray(ifRange) ? ifRange[0] : ifRange,
    };
    this.requests.push(seen);
    const isHead = request.method === 'HEAD';
    const waiting = this.#mishaps.get(path) ?? [];
    const mishap = isHead && waiting[0]?.kind !== 'redirect' ? undefined : isHead ? waiting[0] : waiting.shift();
    if (mishap?.kind === 'redirect') {
      response.writeHead(302, { location: mishap.to, ...mishap.headers }).end();
      return;
    }
    if (mishap?.kind === 'status') {
      response.writeHead(mishap.status, mishap.headers).end('no');
      return;
    }
    const content = this.#files.get(path);
    if (content === undefined) {
      response.writeHead(404).end('no such file');
      return;
    }
    const etag = this.#etags.get(path) ?? '""';
    const asked = /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
    const offset =
      this.ranges && asked !== undefined && (ifRange === undefined || ifRange === etag) ? Number(asked) : 0;
    if (offset > 0 && offset >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = mishap?.kind === 'short' ? content.subarray(offset, mishap.bytes) : content.subarray(offset);
    response.writeHead(offset > 0 ? 206 : 200, {
      etag,
      'content-length': body.length,
      ...(this.ranges ? { 'accept-ranges': 'bytes' } : {}),
      ...(offset > 0 ? { 'content-range': `bytes ${offset}-${content.length - 1}/${content.length}` } : {}),
    });
    if (isHead) {
      response.end();
      return;
    }
    const last = mishap?.kind === 'break-off' || mishap?.kind === 'stall' ? mishap.after : body.length;
    await this.#send(body.subarray(0, last), response, seen);
    if (mishap?.kind === 'break-off') {
      // What is still on its way when a connection breaks is lost to whoever reads it.
      await new Promise((resolve) => setTimeout(resolve, 100));
      response.destroy();
    } else if (mishap?.kind !== 'stall') {
      response.end();
    }
  }

  async #send(body: Buffer, response: ServerResponse, seen: SeenRequest): Promise<void> {
    const step = this.bytesPerSecond === 0 ? 1 << 16 : Math.max(1, Math.floor(this.bytesPerSecond / 50));
    for (let from = 0; from < body.length && !response.destroyed; from += step) {
      const chunk = body.subarray(from, from + step);
      await new Promise<void>((resolve) => response.write(chunk, () => resolve()));
      seen.bytesSent += chunk.length;
      if (this.bytesPerSecond > 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** A proxy that does what proxies do: tunnels (CONNECT), and requests for whole addresses. */
export class Proxy implements AsyncDisposable {
  /** Hosts that tunnels or requests were asked to, in their order. */
  readonly targets: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? '');
      this.targets.push(url.host);
      void fetch(url, { method: request.method ?? 'GET' }).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    this.#server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
      this.targets.push(request.url ?? '');
      const [host = '', port = '80'] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
    });
  }

  static async start(): Promise<Proxy> {
    const proxy = new Proxy();
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';

import helmet from 'helmet';
import sirv from 'sirv';

import type { Access, Authorisation } from './access.js';
import { loginPage, loginPagePolicy, pageMissing } from './login-page.js';

/** What pages are made of. */
export interface PagesOptions {
  readonly access: Access;
  /** Folder of the built viewer page. */
  readonly clientDirectory: string;
  /** What `/healthz` says: how it is in a word, and, for those who may know, more. */
  health(): { readonly status: 'ok' | 'failed'; readonly details: object };
  /** What `/metrics` says. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

type Request = IncomingMessage;
type Response = ServerResponse;

const html = 'text/html; charset=utf-8';

/** Longest answer to the token's form, bytes. */
const maxFormBytes = 4096;

/** An answer, before it is sent. */
interface Reply {
  readonly status: number;
  readonly body: string;
  /** Media type. Default: plain text. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers everything that isn't a WebSocket. Resolves when it has. */
export function createPages(options: PagesOptions): (request: Request, response: Response) => Promise<void> {
  const { access, clientDirectory } = options;
  const files = isClientBuilt(clientDirectory)
    ? sirv(clientDirectory, { etag: true, setHeaders: setCaching })
    : undefined;
  const protect = createProtection();

  const replyTo = async (request: Request): Promise<Reply | undefined> => {
    const url = URL.canParse(request.url ?? '', 'http://host') ? new URL(request.url ?? '', 'http://host') : undefined;
    if (url === undefined) {
      return { status: 400, body: 'That is no address.' };
    }
    if (request.method === 'POST' && url.pathname === '/login') {
      return logIn(request, access);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, body: 'Only GET and HEAD are understood here.', headers: { Allow: 'GET, HEAD' } };
    }
    const given = url.searchParams.get('token');
    if (given !== null) {
      url.searchParams.delete('token');
      return admit(access.check(given, request), `${url.pathname}${url.search}`, request, access);
    }
    const authorisation = access.authorisation(request);
    if (url.pathname === '/healthz') {
      const { status, details } = options.health();
      const body = JSON.stringify(authorisation === 'granted' ? { status, ...details } : { status });
      return { status: status === 'ok' ? 200 : 503, body, type: 'application/json' };
    }
    if (authorisation !== 'granted') {
      return refuse(authorisation, `${url.pathname}${url.search}`, request);
    }
    if (url.pathname === '/metrics') {
      const { contentType, text } = await options.metrics();
      return { status: 200, body: text, type: contentType };
    }
    return files === undefined ? { status: 503, body: pageMissing, type: html } : undefined;
  };

  return async (request, response) => {
    if (!access.isOurHost(request)) {
      send(response, { status: 421, body: 'This server does not go by that name.' });
      return;
    }
    await protect(request, response);
    const reply = await replyTo(request);
    if (reply === undefined) {
      files?.(request, response, () => send(response, { status: 404, body: 'There is nothing here.' }));
    } else {
      send(response, reply);
    }
  };
}

/** Whether the viewer page is there. */
export function isClientBuilt(clientDirectory: string): boolean {
  return existsSync(join(clientDirectory, 'index.html'));
}

/** Headers that tell a browser what the page may do: nothing but its own scripts, and sockets to where it came from. */
function createProtection(): (request: Request, response: Response) => Promise<void> {
  const sockets = ({ headers: { host } }: Request) => (host === undefined ? '' : `ws://${host} wss://${host}`);
  const middleware = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        mediaSrc: ["'self'", 'blob:'],
        workerSrc: ["'self'", 'blob:'],
        manifestSrc: ["'self'"],
        // Not every browser counts the sockets of its own host among 'self'.
        connectSrc: ["'self'", sockets],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'self'"],
      },
    },
    // With these two the page may use SharedArrayBuffer.
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    // The server can't know whether its name will be served by https for good.
    strictTransportSecurity: false,
  });
  return (request, response) => {
    response.setHeader('Permissions-Policy', 'camera=(self), fullscreen=(self), microphone=(), geolocation=()');
    return new Promise((resolve, reject) => {
      middleware(request, response, (error) => (error instanceof Error ? reject(error) : resolve()));
    });
  };
}

/** What the bundler named for its content is kept for good; the page itself is asked for anew. */
function setCaching(response: Response, path: string): void {
  const isNamedForContent = path.startsWith('/assets/');
  response.setHeader('Cache-Control', isNamedForContent ? 'public, max-age=31536000, immutable' : 'no-cache');
}

async function logIn(request: Request, access: Access): Promise<Reply> {
  if (Number(request.headers['content-length'] ?? Infinity) > maxFormBytes) {
    return { status: 413, body: 'That is too long for a token.', headers: { Connection: 'close' } };
  }
  const form = new URLSearchParams(await readText(request));
  return admit(access.check(form.get('token') ?? '', request), form.get('next') ?? '/', request, access);
}

/** Lets a browser in by a cookie and sends it on, to an address in which no token stands; or shows the form again. */
function admit(authorisation: Authorisation, next: string, request: Request, access: Access): Reply {
  const target = localAddress(next);
  if (authorisation !== 'granted') {
    return refuse(authorisation, target, request);
  }
  return { status: 303, body: '', headers: { 'Set-Cookie': access.setCookie(request), Location: target } };
}

function refuse(authorisation: Authorisation, next: string, request: Request): Reply {
  const tooMany = authorisation === 'too-many-attempts';
  const answer = tooMany
    ? { status: 429, headers: { 'Retry-After': '10' } }
    : { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } };
  if (request.headers.accept?.includes('text/html') === true) {
    const headers = { ...answer.headers, 'Content-Security-Policy': loginPagePolicy };
    return { ...answer, headers, body: loginPage(authorisation, next), type: html };
  }
  return { ...answer, body: tooMany ? 'Too many wrong tokens; wait a little.' : 'A token is needed.' };
}

/** An address on this server; `/` for what might lead elsewhere. */
function localAddress(address: string): string {
  const url = URL.canParse(address, 'http://host') ? new URL(address, 'http://host') : undefined;
  // A path that begins with two slashes would be a host.
  return url?.origin === 'http://host' ? `${url.pathname.replace(/^\/+/, '/')}${url.search}` : '/';
}

function send(response: Response, { status, body, type = 'text/plain; charset=utf-8', headers = {} }: Reply): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

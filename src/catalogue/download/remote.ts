import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { EnvHttpProxyAgent, request } from 'undici';

import { authorizeHuggingFace, shown, type Authorize } from './address.js';
import { RemoteFault } from './remote-fault.js';

const mostRedirections = 10;

/**
 * Bytes of an answer that may wait to be read, far more than ever do: an answer that has to wait is paused, and a server that
 * closes the connection meanwhile makes undici 7 end the process (https://github.com/nodejs/undici/issues/5360, mended in
 * undici 8, which wants a newer Node).
 */
const mostWaitingBytes = 64 << 20;

/** What a server answered. */
export interface RemoteAnswer {
  /** 200: all of it, 206: the rest that was asked for, 416: there is no such rest. */
  readonly status: 200 | 206 | 416;
  /** Length of the whole file, where the server says it. */
  readonly totalBytes: number | undefined;
  /** Where the body begins. */
  readonly offset: number;
  /** What to show with `If-Range`, so that only the same file is gone on with; undefined where there is nothing strong. */
  readonly validator: string | undefined;
  /** SHA-256 of the whole file, where the server declares it (Hugging Face's `X-Linked-Etag`). */
  readonly declaredSha256: string | undefined;
  /** The content; empty for a question about the file alone. */
  readonly body: Readable;
}

/** What to ask for. */
export interface RemoteQuestion {
  readonly method: 'GET' | 'HEAD';
  /** First byte wanted. Default 0. */
  readonly offset?: number;
  /** Validator of the part that is there already. */
  readonly ifRange?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How patient to be. */
export interface RemoteOptions {
  /** Milliseconds without a byte after which a server counts as stalled. Default 30,000. */
  readonly stallMilliseconds?: number | undefined;
  /** What to tell which server of the user. */
  readonly authorize?: Authorize | undefined;
}

/** Asks servers (and folders, for `file:`) for files. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured. */
export class Remote implements AsyncDisposable {
  readonly #agent: EnvHttpProxyAgent;
  readonly #authorize: Authorize;

  constructor({ stallMilliseconds = 30_000, authorize = authorizeHuggingFace }: RemoteOptions = {}) {
    this.#authorize = authorize;
    this.#agent = new EnvHttpProxyAgent({
      headersTimeout: stallMilliseconds,
      bodyTimeout: stallMilliseconds,
      connect: { timeout: stallMilliseconds },
    });
  }

  /** @throws RemoteFault for every answer but those of {@link RemoteAnswer}, and for none. */
  async ask(url: URL, question: RemoteQuestion): Promise<RemoteAnswer> {
    return url.protocol === 'file:' ? openFile(url, question) : this.#askServer(url, question);
  }

  /** Lets go of all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** {@inheritDoc Remote.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #askServer(first: URL, { method, offset = 0, ifRange, signal }: RemoteQuestion): Promise<RemoteAnswer> {
    let linked: { sha256: string | undefined; bytes: number | undefined } | undefined;
    let url = first;
    for (let redirections = 0; redirections <= mostRedirections; redirections++) {
      const authorization = this.#authorize(url);
      const { statusCode, headers, body } = await request(url, {
        method,
        dispatcher: this.#agent,
        highWaterMark: mostWaitingBytes,
        headers: {
          'user-agent': 'vid2vid-turbo',
          // Lengths and offsets are to be those of the file.
          'accept-encoding': 'identity',
          ...(authorization === undefined ? {} : { authorization }),
          ...(offset === 0 ? {} : { range: `bytes=${offset}-` }),
          ...(offset === 0 || ifRange === undefined ? {} : { 'if-range': ifRange }),
        },
        ...(signal === undefined ? {} : { signal }),
      }).catch((cause: unknown) => {
        throw RemoteFault.ofConnection(url, cause);
      });
      // Whoever reads the body is told by the reading; one that is let go of unread has nobody to tell.
      body.on('error', () => undefined);
      const header = (name: string): string | undefined => {
        const value = headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      // Only the first host knows the file; the storage it points to names its parts in ways of its own.
      linked ??= { sha256: sha256Of(header('x-linked-etag')), bytes: wholeNumber(header('x-linked-size')) };
      const location = header('location');
      if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
        await body.dump();
        url = redirected(url, location);
        continue;
      }
      if (statusCode !== 200 && statusCode !== 206 && statusCode !== 416) {
        await body.dump();
        throw RemoteFault.ofStatus(url, statusCode, header('retry-after'));
      }
      const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(header('content-range') ?? '');
      return {
        status: statusCode,
        totalBytes:
          linked.bytes ?? wholeNumber(statusCode === 200 ? header('content-length') : (range?.[2] ?? undefined)),
        offset: statusCode === 206 ? Number(range?.[1] ?? NaN) : 0,
        validator: strongValidator(header('etag'), header('last-modified')),
        declaredSha256: linked.sha256,
        body,
      };
    }
    throw new RemoteFault(`${shown(first)} redirects without end.`, { mayPass: false });
  }
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol) || (from.protocol === 'https:' && to.protocol === 'http:')) {
    throw new RemoteFault(`${shown(from)} redirects to where nothing is fetched from.`, { mayPass: false });
  }
  return to;
}

/** Weak entity tags don't say that the bytes are the same: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5 */
function strongValidator(etag: string | undefined, lastModified: string | undefined): string | undefined {
  return etag?.startsWith('"') ? etag : lastModified;
}

function sha256Of(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{64})"?$/.exec(etag ?? '')?.[1];
}

function wholeNumber(text: string | undefined): number | undefined {
  return /^\d+$/.test(text ?? '') ? Number(text) : undefined;
}

/** A mirror that is a folder answers as a server would. */
async function openFile(url: URL, { method, offset = 0 }: RemoteQuestion): Promise<RemoteAnswer> {
  const path = fileURLToPath(url);
  const found = await stat(path).catch((cause: unknown) => {
    throw new RemoteFault(`${path} can't be read: ${(cause as Error).message}`, { mayPass: false, cause });
  });
  if (!found.isFile()) {
    throw new RemoteFault(`${path} is not a file.`, { mayPass: false });
  }
  return {
    status: offset === 0 ? 200 : 206,
    totalBytes: found.size,
    offset,
    validator: `"${found.size}-${found.mtimeMs}"`,
    declaredSha256: undefined,
    body: method === 'HEAD' ? Readable.from([]) : createReadStream(path, { start: offset }),
  };
}

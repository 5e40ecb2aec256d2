import { throwIfCanceled, UsageError } from '../errors/errors.js';
import { isLoopbackHost } from './addresses.js';
import type { OpenTranslation } from './channel.js';
import { startLiveServer } from './live-server.js';
import { createLog } from './log.js';
import { resolveServeOptions, type ServeOptions } from './options.js';

/**
 * A running live server.
 *
 * @group Live
 */
export interface LiveServer extends AsyncDisposable {
  /** Where to open it in a browser. */
  readonly url: string;
  /** All addresses that it can be opened by, the first one included. */
  readonly urls: readonly string[];
  /** The port it listens on. */
  readonly port: number;
  /** Tells the viewers, finishes the outputs, and ends everything; may be called more than once. */
  close(): Promise<void>;
}

/** What a server is put together from. */
export interface ServeParts {
  readonly openTranslation: OpenTranslation;
  /** Folder of the built viewer page. */
  readonly clientDirectory: string;
}

/** What `serve` does, with the parts put in: tests have others than it has. */
export async function serveWith(options: ServeOptions, parts: ServeParts): Promise<LiveServer> {
  const { signal, onLog, ...settings } = options;
  const resolved = resolveServeOptions(settings);
  throwIfCanceled(signal);
  const loopback = await isLoopbackHost(resolved.host).catch((error: unknown) => {
    throw new UsageError(`options.host: "${resolved.host}" is no address of this machine.`, { cause: error });
  });
  if (!loopback && resolved.token === undefined && !resolved.insecure) {
    throw new UsageError(`Other machines can reach ${resolved.host}: a token is needed.`, {
      remedy: 'Give one with --token (or VID2VID_TURBO_TOKEN), or say with --insecure that everybody may watch.',
    });
  }
  const log = createLog(onLog === undefined ? 'silent' : resolved.logLevel, onLog ?? (() => undefined));
  const server = await startLiveServer({
    ...{ options: resolved, loopback, log, signal },
    ...parts,
  });
  const close = () => {
    server.close().catch((error: unknown) => log.error({ err: error }, 'could not be closed'));
  };
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) {
    await server.close();
    throwIfCanceled(signal);
  }
  return server;
}

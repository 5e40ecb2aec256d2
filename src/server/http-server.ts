import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { InputError, ServerError } from '../errors/errors.js';

/** How the server speaks. */
export interface HttpServerOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** TCP connections at a time. */
  readonly maxConnections: number;
}

/** How long a request's head, and the whole of it, may take to come, milliseconds. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5000 };

/** Makes the HTTP server; https where a certificate is given. It doesn't listen yet. */
export async function createHttpServer(options: HttpServerOptions, onRequest: RequestListener): Promise<Server> {
  const { tlsCert, tlsKey, maxConnections } = options;
  const server =
    tlsCert === undefined || tlsKey === undefined
      ? createServer(timeouts, onRequest)
      : await createTlsServer(tlsCert, tlsKey, onRequest);
  server.maxConnections = maxConnections;
  return server;
}

async function createTlsServer(certificate: string, key: string, onRequest: RequestListener): Promise<Server> {
  const [cert, privateKey] = await Promise.all([certificate, key].map(readPem));
  try {
    return createSecureServer({ ...timeouts, cert, key: privateKey, minVersion: 'TLSv1.2' }, onRequest);
  } catch (error) {
    throw new InputError('input-unreadable', `"${certificate}" and "${key}" are no certificate and its key.`, {
      remedy: 'Give both as PEM, the certificate first of its chain, the key without a passphrase.',
      cause: error,
    });
  }
}

async function readPem(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw new InputError('input-not-found', `"${path}" can't be read.`, { cause: error });
  });
}

/**
 * Has a server listen; gives back the port.
 *
 * @throws {@link ServerError} when it can't there.
 */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServerError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ServerError('port-in-use', `Port ${port} of ${host} is taken by another program.`, {
        remedy: `Choose another with --port ${port + 1}, or --port 0 for any that is free.`,
        cause: error,
      });
    case 'EACCES':
      return new ServerError('port-in-use', `Port ${port} may not be listened on by this user.`, {
        remedy: 'Choose one above 1023 with --port.',
        cause: error,
      });
    default:
      return new ServerError('address-unavailable', `Nothing can listen on ${host}: ${error.message}.`, {
        remedy: 'Name an address of this machine with --host: 127.0.0.1, or 0.0.0.0 for all of them.',
        cause: error,
      });
  }
}

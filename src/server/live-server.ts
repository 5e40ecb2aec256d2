import { randomBytes } from 'node:crypto';
import type { RequestListener, Server } from 'node:http';

import type { WebSocket } from 'ws';

import { Access } from './access.js';
import { reachableNames } from './addresses.js';
import { Cameras } from './cameras.js';
import { Channel, type OpenTranslation } from './channel.js';
import { Connection, type House } from './connection.js';
import { listEffects } from './effects.js';
import { createHttpServer, listen } from './http-server.js';
import { parseSource } from './live-source.js';
import type { Log } from './log.js';
import { Metrics } from './metrics.js';
import type { ResolvedServeOptions } from './options.js';
import { createPages, isClientBuilt } from './pages.js';
import { hideAddresses, hidePlaces } from './secrets.js';
import type { LiveServer } from './serve-with.js';
import { Sockets, type ReasonToWait } from './sockets.js';

/** What a server is made of. */
export interface LiveServerParts {
  readonly options: ResolvedServeOptions;
  /** Whether only this machine can reach it. */
  readonly loopback: boolean;
  readonly log: Log;
  readonly openTranslation: OpenTranslation;
  /** Folder of the built viewer page. */
  readonly clientDirectory: string;
  readonly signal: AbortSignal | undefined;
}

/** How often viewers are asked for a sign of life and told the figures, milliseconds. */
const tickInterval = 1000;
/** How long a page may take to answer that its socket is closed, milliseconds. */
const farewellDelay = 1000;
/** TCP connections beside those of the viewers: pages being loaded, figures being read. */
const spareConnections = 100;

/** Starts a server: it listens first, so that a port that is taken is told before anything is opened. */
export async function startLiveServer(parts: LiveServerParts): Promise<LiveServer> {
  const { options, log } = parts;
  const running = new RunningServer(parts);
  try {
    await running.start();
  } catch (error) {
    await running.close();
    throw error;
  }
  log.info(
    { url: running.url, source: options.source === undefined ? null : hideAddresses(options.source) },
    'listening',
  );
  return running;
}

class RunningServer implements LiveServer {
  url = '';
  urls: readonly string[] = [];
  port = 0;
  readonly #parts: LiveServerParts;
  readonly #access: Access;
  readonly #cameras: Cameras;
  readonly #metrics: Metrics;
  readonly #connections = new Set<Connection>();
  #http: Server | undefined;
  #house: House | undefined;
  #tick: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  /** What the viewers who have left had. */
  readonly #past = { sentBytes: 0, receivedBytes: 0, droppedForViewers: 0 };

  constructor(parts: LiveServerParts) {
    this.#parts = parts;
    const { options, loopback } = parts;
    const { token, allowOrigin, tlsCert } = options;
    this.#access = new Access({ token, loopback, allowOrigin, secure: tlsCert !== undefined });
    this.#cameras = new Cameras({
      open: parts.openTranslation,
      translation: this.#translationOptions('camera'),
      maximum: options.maxCameras,
    });
    this.#metrics = new Metrics({
      channels: () => this.#channels(),
      viewers: () => this.#connections.size,
      cameras: () => this.#cameras.all.size,
      totals: () => this.#totals(),
    });
  }

  /** Listens, opens the source, and lets viewers in. */
  async start(): Promise<void> {
    const { options, log, clientDirectory } = this.#parts;
    const { host, port, token, tlsCert, tlsKey, maxViewers } = options;
    const limits = { maxConnections: maxViewers + spareConnections };
    this.#http = await createHttpServer({ tlsCert, tlsKey, ...limits }, this.#createRequestListener());
    const sockets = new Sockets({
      access: this.#access,
      reasonToWait: () => this.#reasonToWait(maxViewers),
      onSocket: (socket) => this.#welcome(socket),
      onRefused: (reason) => {
        this.#metrics.rejected(reason);
        log.warn({ reason }, 'handshake refused');
      },
    });
    this.#http.on('upgrade', (request, connection, head) => sockets.upgrade(request, connection, head));
    if (!this.#parts.loopback && token !== undefined && tlsCert === undefined) {
      log.warn('without --tls-cert and --tls-key, the token and the pictures travel in the clear');
    }
    this.port = await listen(this.#http, host, port);
    this.urls = reachableNames(host).map((name) => `http${tlsCert === undefined ? '' : 's'}://${name}:${this.port}/`);
    this.url = this.urls[0] ?? '';
    this.#house = await this.#openHouse();
    this.#tick = setInterval(() => this.#everySecond(), tickInterval);
    if (!isClientBuilt(clientDirectory)) {
      log.warn({ clientDirectory }, 'the viewer page isn\'t built: run "npm run build"');
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #openHouse(): Promise<House> {
    const { options, log, openTranslation, signal } = this.#parts;
    const { source, loop, effect, strength, model, maxCameras, lockEffect } = options;
    const common = { cameras: this.#cameras, maxCameras, effect, strength, lockEffect, log };
    const effects = await listEffects(model);
    if (source === undefined) {
      return { ...common, effects, stream: undefined, source: null };
    }
    const { description, shown } = parseSource(source, loop);
    const stream = await Channel.open({
      ...{ name: 'stream', open: openTranslation },
      translation: {
        ...this.#translationOptions('stream'),
        ...{ source: description, outputs: options.output, overwrite: options.overwrite, signal },
      },
      onStatus: ({ state, message }) => log.info({ state, reason: hideAddresses(message) }, 'stream'),
    });
    return { ...common, effects, stream, source: shown };
  }

  #translationOptions(channel: string) {
    const { effect, model, strength, size, fps, device, ffmpeg } = this.#parts.options;
    const onNotice = (notice: string) => this.#parts.log.info({ channel }, hideAddresses(notice));
    return { effect, model, strength, size, frameRate: fps, device, ffmpeg, onNotice };
  }

  #createRequestListener(): RequestListener {
    const { clientDirectory, log } = this.#parts;
    const pages = createPages({
      access: this.#access,
      clientDirectory,
      health: () => this.#health(),
      metrics: async () => ({ contentType: this.#metrics.contentType, text: await this.#metrics.text() }),
    });
    return (request, response) => {
      pages(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'a request failed');
        response.destroy();
      });
    };
  }

  #reasonToWait(maxViewers: number): ReasonToWait | undefined {
    if (this.#house === undefined) {
      return { code: 'server-starting', message: 'The server is starting.' };
    }
    const isFull = this.#connections.size >= maxViewers;
    return isFull ? { code: 'viewers-limit', message: 'As many viewers as there may be are watching.' } : undefined;
  }

  #welcome(socket: WebSocket): void {
    if (this.#house === undefined) {
      socket.terminate();
      return;
    }
    const connection = new Connection(socket, randomBytes(6).toString('base64url'), this.#house);
    this.#connections.add(connection);
    void connection.ended.then(() => {
      this.#connections.delete(connection);
      this.#past.sentBytes += connection.viewer.sentBytes;
      this.#past.receivedBytes += connection.receivedBytes;
      this.#past.droppedForViewers += connection.viewer.dropped;
    });
  }

  #everySecond(): void {
    for (const connection of this.#connections) {
      connection.checkLife();
    }
    for (const channel of this.#channels()) {
      channel.tellStatistics();
    }
  }

  *#channels(): Iterable<Channel> {
    if (this.#house?.stream !== undefined) {
      yield this.#house.stream;
    }
    for (const { channel } of this.#cameras.all) {
      yield channel;
    }
  }

  #totals() {
    const totals = { ...this.#past };
    for (const { viewer, receivedBytes } of this.#connections) {
      totals.sentBytes += viewer.sentBytes;
      totals.receivedBytes += receivedBytes;
      totals.droppedForViewers += viewer.dropped;
    }
    return totals;
  }

  #health() {
    const stream = this.#house?.stream?.translation.status;
    const isWell = this.#house !== undefined && stream?.state !== 'failed';
    const state = stream && { state: stream.state, message: hidePlaces(stream.message) };
    const counts = { viewers: this.#connections.size, cameras: this.#cameras.all.size };
    const details = { stream: state ?? null, ...counts, uptimeSeconds: Math.round(process.uptime()) };
    return { status: isWell ? ('ok' as const) : ('failed' as const), details };
  }

  async #close(): Promise<void> {
    clearInterval(this.#tick);
    const http = this.#http;
    const connections = [...this.#connections];
    // Nobody new, while those who are here are told.
    const unlistened = new Promise<void>((resolve) => (http?.listening ? http.close(() => resolve()) : resolve()));
    connections.forEach((connection) => connection.dismiss());
    const patience = setTimeout(() => {
      connections.forEach((connection) => connection.terminate());
    }, farewellDelay);
    await Promise.all(connections.map((connection) => connection.ended));
    clearTimeout(patience);
    http?.closeAllConnections();
    await unlistened;
    await Promise.all([...this.#cameras.all].map((camera) => camera.close()));
    await this.#house?.stream?.close();
    this.#metrics[Symbol.dispose]();
    // What could not be started says so itself.
    if (this.#house !== undefined) {
      this.#parts.log.info('stopped');
    }
  }
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';

import type { ServeOptions } from '../../../dist/server/options.js';
import { serveWith, type LiveServer } from '../../../dist/server/serve-with.js';
import { FakeTranslation } from './fake-translation.js';
import { TestPage, type PageOptions } from './test-page.js';

/** A server whose translations are fake, and all that a test opened on it. */
export class TestServer implements AsyncDisposable {
  /** The translations that it opened, the stream's first where it has one. */
  readonly translations: FakeTranslation[];
  readonly server: LiveServer;
  /** Lines of its log. */
  readonly log: string[];
  readonly #pages: TestPage[] = [];
  readonly #folder: string;

  private constructor(server: LiveServer, translations: FakeTranslation[], log: string[], folder: string) {
    this.server = server;
    this.translations = translations;
    this.log = log;
    this.#folder = folder;
  }

  /** Starts one on a free port; with a source unless told otherwise, which is opened when `opening` resolves. */
  static async start(options: ServeOptions = {}, opening: Promise<void> = Promise.resolve()): Promise<TestServer> {
    const translations: FakeTranslation[] = [];
    const log: string[] = [];
    const folder = mkdtempSync(join(tmpdir(), 'vid2vid-turbo-server-'));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
    writeFileSync(join(folder, 'assets', 'page-1234.js'), 'export {};');
    const server = await serveWith(
      { source: 'drive.mp4', port: 0, logLevel: 'trace', onLog: (line) => log.push(line), ...options },
      {
        clientDirectory: folder,
        openTranslation: async (opened) => {
          await opening;
          const translation = new FakeTranslation(opened);
          translations.push(translation);
          return translation;
        },
      },
    );
    return new TestServer(server, translations, log, folder);
  }

  /** The translation of its own stream. */
  get stream(): FakeTranslation {
    const [stream] = this.translations;
    if (stream === undefined) {
      throw new Error('the server has no stream');
    }
    return stream;
  }

  /** Opens a page that has not said hello. */
  async connect(options?: PageOptions): Promise<TestPage> {
    const page = await TestPage.connect(this.server.port, options);
    this.#pages.push(page);
    return page;
  }

  /** Opens a page that has said hello. */
  async join(options?: PageOptions): Promise<TestPage> {
    const page = await this.connect(options);
    page.hello();
    await page.next('welcome');
    return page;
  }

  /** Opens a page that watches. */
  async watch(wanted: { tracks?: ('translated' | 'source')[]; codec?: 'h264' | 'jpeg'; room?: string } = {}) {
    const page = await this.join();
    page.send({ type: 'watch', tracks: ['translated'], codec: 'h264', ...wanted });
    // Sent after everything that watching brings.
    await page.next(wanted.room === undefined ? 'effect' : 'status');
    return page;
  }

  /** Asks for something over HTTP; redirects are not followed. */
  request(path: string, options: RequestOptions & { readonly body?: string } = {}): Promise<HttpAnswer> {
    return ask(this.server.port, path, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pages.forEach((page) => page.terminate());
    await this.server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks a server of this machine for something; any header can be given. */
export function ask(port: number, path: string, options: RequestOptions & { readonly body?: string } = {}) {
  return new Promise<HttpAnswer>((resolve, reject) => {
    const { body, ...rest } = options;
    const sent = httpRequest({ host: '127.0.0.1', port, path, agent: false, ...rest }, (response) => {
      readText(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

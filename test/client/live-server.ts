import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../support/media.js';

/** `vid2vid-turbo serve`, as a program of its own. */
export class LiveServer {
  /** Where its page is. */
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** Starts it; the port is any that is free, where none is among the arguments. */
  static async start(...args: readonly string[]): Promise<LiveServer> {
    const port = args.includes('--port') ? [] : ['--port', '0'];
    const main = join(root, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, 'serve', ...args, ...port, '--json', '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const told = JSON.parse(line) as { type: string; url?: string };
      if (told.type === 'listening' && told.url !== undefined) {
        return new LiveServer(told.url, child);
      }
      throw new Error(`The server did not start: ${line}`);
    }
    throw new Error('The server ended before it listened.');
  }

  /** Its port. */
  get port(): string {
    return new URL(this.url).port;
  }

  /** Asks it to stop, as Ctrl-C does, and waits until it has. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGINT');
      await ended;
    }
  }
}

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const command = join(import.meta.dirname, '../../dist/cli/main.js');
const listeningSchema = z.object({ url: z.url() });

/** The live server in a process of its own, as users run it. */
export interface Serving extends AsyncDisposable {
  readonly port: number;
  /** Resident memory of its Node process, MiB; undefined where the system doesn't tell (not Linux). */
  residentMb(): number | undefined;
  /** Lag of its event loop since last asked, 99th percentile, milliseconds. */
  loopP99(): Promise<number>;
}

/** Starts the server on a free port. */
export async function startServing(options: readonly string[]): Promise<Serving> {
  const args = [command, 'serve', ...options, '--port', '0', '--json', '--log-level', 'warn'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    void ended.then(() => reject(new Error('The server could not be started.')));
  });
  const { url } = listeningSchema.parse(JSON.parse(line));
  return {
    port: Number(new URL(url).port),
    residentMb: () => residentMb(child.pid),
    loopP99: async () => {
      const text = await (await fetch(new URL('/metrics', url))).text();
      return Number(/event_loop_delay_seconds\{quantile="0.99"\} (\S+)/.exec(text)?.[1] ?? NaN) * 1000;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function residentMb(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) {
    return undefined;
  }
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024;
}

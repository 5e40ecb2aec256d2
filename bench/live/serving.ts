import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const command = join(import.meta.dirname, '../../dist/cli/main.js');
const listeningSchema = z.object({ url: z.url() });
/** How often the server's memory is looked at, milliseconds. */
const memoryInterval = 1000;

/** What a server's own figures say. */
export interface ServerFigures {
  /** Lag of its event loop since last asked, 99th percentile, milliseconds. */
  readonly loopP99: number;
  /** Pictures a second from the source, and translated. */
  readonly fpsIn: number;
  readonly fpsOut: number;
  /** Most resident memory of its Node process since last asked, MiB; undefined where the system doesn't tell (not Linux). */
  readonly residentMb: number | undefined;
}

/** The live server in a process of its own, as users run it. */
export interface Serving extends AsyncDisposable {
  readonly port: number;
  figures(): Promise<ServerFigures>;
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
  let most = 0;
  const look = () => (most = Math.max(most, residentMb(child.pid) ?? 0));
  const looking = setInterval(look, memoryInterval);
  return {
    port: Number(new URL(url).port),
    figures: async () => {
      const text = await (await fetch(new URL('/metrics', url))).text();
      const figure = (name: string) => Number(new RegExp(`^vid2vid_turbo_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
      look();
      const residentMost = most === 0 ? undefined : most;
      most = 0;
      return {
        loopP99: figure('event_loop_delay_seconds\\{quantile="0.99"\\}') * 1000,
        fpsIn: figure('source_fps\\{channel="stream"\\}'),
        fpsOut: figure('fps\\{channel="stream"\\}'),
        residentMb: residentMost,
      };
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(looking);
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

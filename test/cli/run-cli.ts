import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import ffmpegInstaller from '@ffmpeg-installer/ffmpeg';

/** The built command, as a user's `vid2vid-turbo` runs it. */
export const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a run of the command ended. */
export interface CliRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether it leads a process group of its own, as a shell's command does. */
  readonly detached?: boolean;
}

/** Starts the command; `ended` tells how it went. Standard input is empty. */
export function startCli(
  args: readonly string[],
  { cwd, env = {}, detached = false }: CliOptions = {},
): { child: ChildProcess; ended: Promise<CliRun> } {
  const child = spawn(process.execPath, [command, ...args], {
    cwd,
    detached,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, VID2VID_TURBO_DEBUG: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('latin1').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = new Promise<CliRun>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...said }));
  });
  return { child, ended };
}

/** Runs the command to its end. */
export function runCli(args: readonly string[], options?: CliOptions): Promise<CliRun> {
  return startCli(args, options).ended;
}

/** The lines of a text, the empty one at its end left out. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** A folder that is gone when disposed. */
export class TemporaryFolder implements Disposable {
  /** Its path. */
  readonly path = mkdtempSync(join(tmpdir(), 'vid2vid-turbo-cli-'));

  /** The path of something in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    // What was killed in the middle of a test may still write its last bytes.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Makes a clip with a moving picture and a tone, 25 frames a second. */
export function makeClip(path: string, seconds: number, size = '320x180'): void {
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25:duration=${seconds}`];
  const sound = ['-f', 'lavfi', '-i', `sine=duration=${seconds}`];
  const encoding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest'];
  const made = spawnSync(ffmpegInstaller.path, ['-v', 'error', '-y', ...picture, ...sound, ...encoding, path]);
  if (made.status !== 0) {
    throw new Error(`ffmpeg could not make ${path}: ${String(made.stderr)}`);
  }
}

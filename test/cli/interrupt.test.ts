import { spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { makeClip, startCli, TemporaryFolder } from './run-cli.js';

const folder = new TemporaryFolder();
const onWindows = process.platform === 'win32'; // has no signals to send

beforeAll(() => makeClip(folder.file('long.mp4'), 30, '640x360'));
afterAll(() => folder[Symbol.dispose]());

/** Resolves when frames are being written. */
async function isAtWork(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (text: string) => {
      said += text;
      if (/"framesOut":[1-9]\d/.test(said)) {
        resolve();
      }
    });
    child.on('close', () => reject(new Error(`It ended early: ${said}`)));
  });
}

/** Command lines of the processes that have to do with this test's folder. */
function processesAtWork(): string[] {
  return commandLines().filter((line) => line.includes(folder.path));
}

// Small Linux images have no `ps`; macOS has no /proc.
function commandLines(): string[] {
  if (!existsSync('/proc/self/cmdline')) {
    return spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout.split('\n');
  }
  const read = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // It has ended in the meantime.
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(read);
}

test.skipIf(onWindows).each([
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const)('$signal: everything is put away, exit code $code', async ({ signal, code }) => {
  const { child, ended } = startCli(['translate', folder.file('long.mp4'), folder.file('out.mp4'), '--json']);
  await isAtWork(child);
  expect(processesAtWork().length).toBeGreaterThan(1);
  child.kill(signal);
  const run = await ended;
  expect(JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'error', code: 'canceled' });
  expect(run.stderr).toBe('');
  expect(run.code).toBe(code);
  expect(processesAtWork()).toEqual([]);
  expect(readdirSync(folder.path)).toEqual(['long.mp4']);
});

test.skipIf(onWindows)('a terminal sends Ctrl-C to ffmpeg as well: all the same', async () => {
  const { child, ended } = startCli(['translate', folder.file('long.mp4'), folder.file('out.mp4'), '--json'], {
    detached: true,
  });
  await isAtWork(child);
  process.kill(-(child.pid ?? NaN), 'SIGINT');
  expect(await ended).toMatchObject({ code: 130, stderr: '' });
  expect(processesAtWork()).toEqual([]);
  expect(readdirSync(folder.path)).toEqual(['long.mp4']);
});

test.skipIf(onWindows)('a second one ends it at once', async () => {
  const { child, ended } = startCli(['translate', folder.file('long.mp4'), folder.file('out.mp4'), '--json']);
  await isAtWork(child);
  child.kill('SIGINT');
  child.kill('SIGTERM');
  const { code, signal } = await ended;
  // Whichever comes first: the end of the cleaning up, or the signal.
  expect(code === 130 || code === 143 || signal === 'SIGINT' || signal === 'SIGTERM').toBe(true);
});

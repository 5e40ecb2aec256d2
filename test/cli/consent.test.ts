import { spawn, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { FileServer } from '../support/file-server.js';
import { mirrorOfPublishedModels } from '../support/published-models.js';
import { command, TemporaryFolder } from './run-cli.js';

// util-linux's `script` gives a program a terminal; other systems' have other options.
const hasScript = spawnSync('script', ['--version']).status === 0;

let server: FileServer;
beforeAll(async () => {
  server = await mirrorOfPublishedModels();
});
afterAll(() => server.close());

/** A pull in a terminal that can be typed into. */
function pullInTerminal(folder: TemporaryFolder) {
  const line = `stty cols 80; '${process.execPath}' '${command}' models pull day-to-night-turbo --base-url ${server.url}`;
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', NO_PROXY: '*', VID2VID_TURBO_CACHE: folder.file('cache') },
  });
  let drawn = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (drawn += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    type: (text: string) => child.stdin.write(text),
    shows: (text: string | RegExp) => expect.poll(() => drawn, { timeout: 30_000 }).toMatch(text),
    ended,
    drawn: () => drawn,
  };
}

test.skipIf(!hasScript)('terms are shown on a terminal, and who says no gets nothing', async () => {
  using folder = new TemporaryFolder();
  const terminal = pullInTerminal(folder);
  await terminal.shows(/Do you accept them\? \[y\/N\]/);
  expect(terminal.drawn()).toMatch(/SD-Turbo[^]*https:\/\/huggingface\.co[^]*BDD100K/);
  terminal.type('\r');
  expect(await terminal.ended).toBe(5);
  expect(terminal.drawn()).toMatch(/error: The terms of day-to-night-turbo were not accepted/);
  expect(server.requests).toEqual([]);
});

test.skipIf(!hasScript)('Ctrl-C at the question is an answer, too', async () => {
  using folder = new TemporaryFolder();
  const terminal = pullInTerminal(folder);
  await terminal.shows(/Do you accept them\?/);
  terminal.type('\u0003');
  expect(await terminal.ended).toBe(130);
});

test.skipIf(!hasScript)('who says yes sees a bar, and stops it with Ctrl-C', async () => {
  using folder = new TemporaryFolder();
  server.bytesPerSecond = 300_000;
  const terminal = pullInTerminal(folder);
  await terminal.shows(/Do you accept them\?/);
  terminal.type('y\r');
  await terminal.shows(/█*░+ Fetching day2night\.pkl {2}\d+ %, [\d.]+ MB of [\d.]+ MB, .*left/);
  terminal.type('\u0003');
  expect(await terminal.ended).toBe(130);
  expect(terminal.drawn()).toMatch(/Stopping \.\.\./);
  server.bytesPerSecond = 0;
  expect(await readdir(join(folder.file('cache'), 'packages'))).toEqual([]);
});

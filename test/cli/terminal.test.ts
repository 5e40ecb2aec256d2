import { spawnSync } from 'node:child_process';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { command, makeClip, TemporaryFolder } from './run-cli.js';

// util-linux's `script` gives a program a terminal; other systems' have other options.
const hasScript = spawnSync('script', ['--version']).status === 0;
const folder = new TemporaryFolder();

beforeAll(() => makeClip(folder.file('clip.mp4'), 4));
afterAll(() => folder[Symbol.dispose]());

/** Runs the command in a terminal of 100 columns; gives back all that was drawn. */
function runInTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const line = `stty cols 100 rows 30; '${process.execPath}' '${command}' ${args.join(' ')}`;
  const { stdout } = spawnSync('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: folder.path,
    encoding: 'utf8',
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, ...env },
  });
  return stdout;
}

test.skipIf(!hasScript)('a bar with percent, frames, speed and the time that is left', () => {
  const drawn = runInTerminal(['translate', 'clip.mp4', 'bar.mp4', '--size', '960x540']);
  // Large enough to take a second or two, so that there is a bar to see.
  expect(drawn).toMatch(/█+.*░+.* \d+ % {2}\d+\/100 frames {2}[\d.]+ fps, [\d.]+x {2}\d:\d\d left/);
  expect(drawn).toMatch(/✔.* Wrote bar\.mp4: 100 frames of 960x540/);
  // The cursor was hidden, and is there again.
  expect(drawn.lastIndexOf('\u001b[?25h')).toBeGreaterThan(drawn.lastIndexOf('\u001b[?25l'));
});

test.skipIf(!hasScript)('NO_COLOR: no colours', () => {
  const drawn = runInTerminal(['translate', 'clip.mp4', 'plain.mp4', '-t', '1'], { NO_COLOR: '1' });
  expect(drawn).toContain('Wrote plain.mp4');
  // eslint-disable-next-line no-control-regex -- colours are such characters
  expect(drawn).not.toMatch(/\u001b\[[\d;]*[1-9]\d?m/);
});

test.skipIf(!hasScript)('a video is not written to the terminal', () => {
  expect(runInTerminal(['translate', 'clip.mp4', '-'])).toContain('the video would be written to the terminal');
});

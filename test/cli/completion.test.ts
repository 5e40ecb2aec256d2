import { expect, test } from 'vitest';

import { linesOf, runCli } from './run-cli.js';

/** What Tab offers after these words, and whether the shell is to offer files. */
async function offered(...words: readonly string[]): Promise<{ words: string[]; files: boolean }> {
  const { code, stdout } = await runCli(['complete', '--', ...words]);
  expect(code).toBe(0);
  const lines = linesOf(stdout);
  return { words: lines.slice(0, -1).map((line) => line.split('\t')[0] ?? ''), files: lines.at(-1) === ':0' };
}

test('commands', async () => {
  expect(await offered('')).toEqual({
    words: ['translate', 'serve', 'models', 'devices', 'doctor', 'completion', 'help'],
    files: false,
  });
  expect(await offered('do')).toEqual({ words: ['doctor'], files: false });
  expect(await offered('models', '')).toMatchObject({
    words: ['list', 'pull', 'compile', 'info', 'verify', 'remove', 'help'],
  });
});

test('options and their values', async () => {
  expect(await offered('translate', '--co')).toEqual({ words: ['--compare', '--codec'], files: false });
  expect(await offered('translate', '--compare', '')).toEqual({ words: ['side-by-side', 'split'], files: false });
});

test('models and effects by their names', async () => {
  const pullable = await offered('models', 'pull', 'day');
  expect(pullable).toEqual({ words: ['day-to-night-turbo'], files: false });
  expect((await offered('models', 'info', '')).words).toEqual(
    expect.arrayContaining(['day-to-night', 'sketch-to-image-turbo']),
  );
  expect((await offered('translate', '--model', 'day-to-n')).words).toContain('day-to-night');
  expect((await offered('translate', 'drive.mp4', '--effect', '')).words).toContain('day-to-night');
});

test('files, for what is to be translated', async () => {
  expect(await offered('translate', '')).toEqual({ words: [], files: true });
  expect(await offered('translate', 'dri')).toEqual({ words: [], files: true });
});

test.each(['bash', 'zsh', 'fish', 'powershell'])('a script for %s', async (shell) => {
  const { code, stdout } = await runCli(['completion', shell]);
  expect(code).toBe(0);
  expect(stdout).toContain('vid2vid-turbo complete');
});

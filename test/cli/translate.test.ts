import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { linesOf, makeClip, runCli, TemporaryFolder } from './run-cli.js';

const folder = new TemporaryFolder();
const seconds = 2;
const frames = seconds * 25;
const inFolder = { cwd: folder.path };

beforeAll(() => makeClip(folder.file('clip.mp4'), seconds));
afterAll(() => folder[Symbol.dispose]());

describe('in a log', () => {
  test('plain lines on standard error, the last of which says what was written', async () => {
    const { code, stdout, stderr } = await runCli(['translate', 'clip.mp4'], inFolder);
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(linesOf(stderr).at(-1)).toMatch(
      new RegExp(`^Wrote clip-night\\.mp4: ${frames} frames of 320x180 in [\\d.]+ s \\([\\d.]+ fps, [\\d.]+x\\)$`),
    );
    expect(stderr).not.toContain('\r');
    expect(stderr).not.toContain('\u001b');
    expect(statSync(folder.file('clip-night.mp4')).size).toBeGreaterThan(1000);
  });

  test('an output that is there is replaced when that is asked for', async () => {
    expect((await runCli(['translate', 'clip.mp4', '--quiet'], inFolder)).code).toBe(4);
    expect((await runCli(['translate', 'clip.mp4', '--quiet', '--overwrite'], inFolder)).code).toBe(0);
  });

  test('--quiet: not a word', async () => {
    const run = await runCli(['translate', 'clip.mp4', 'quiet.mkv', '--quiet', '--duration', '0.4'], inFolder);
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(existsSync(folder.file('quiet.mkv'))).toBe(true);
  });
});

describe('--json', () => {
  test('every line is an object with a type, the last one the summary', async () => {
    const { code, stdout, stderr } = await runCli(['translate', 'clip.mp4', 'json.mp4', '--json'], inFolder);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const lines = linesOf(stdout).map((line) => JSON.parse(line) as { type: string });
    expect(new Set(lines.map(({ type }) => type))).toContain('progress');
    for (const line of lines.filter(({ type }) => type === 'progress')) {
      expect(line).toMatchObject({
        framesOut: expect.any(Number) as number,
        fraction: expect.any(Number) as number,
        fps: expect.any(Number) as number,
      });
    }
    expect(lines.at(-1)).toMatchObject({
      type: 'summary',
      framesIn: frames,
      framesOut: frames,
      size: '320x180',
      output: 'json.mp4',
      stages: { decode: { p50: expect.any(Number) as number, p95: expect.any(Number) as number } },
    });
  });

  test('goes to standard error when the video goes to standard output', async () => {
    const { code, stdout, stderr } = await runCli(['translate', 'clip.mp4', '-', '--json'], inFolder);
    expect(code).toBe(0);
    // The mark that Matroska files begin with.
    expect(Buffer.from(stdout, 'latin1').subarray(0, 4).toString('hex')).toBe('1a45dfa3');
    expect(JSON.parse(linesOf(stderr).at(-1) ?? '')).toMatchObject({ type: 'summary', framesOut: frames, output: '-' });
  });
});

describe('run by npm', () => {
  const sample = fileURLToPath(new URL('../media/street-drive.mp4', import.meta.url));
  const written = sample.replace('.mp4', '-night.mp4');

  test('takes the sample clip when no input is named, as often as one likes', async () => {
    const args = ['translate', '--npm-script', '--duration', '0.4', '--json'];
    const { code, stdout } = await runCli(args, { cwd: folder.path, env: { INIT_CWD: folder.path } });
    const summary = JSON.parse(linesOf(stdout).at(-1) ?? '') as { output: string };
    expect(code).toBe(0);
    expect(resolve(folder.path, summary.output)).toBe(written);
    expect((await runCli(args)).code).toBe(0);
    rmSync(written);
  });

  test('takes paths from where the user is', async () => {
    const { code } = await runCli(['translate', '--npm-script', 'clip.mp4', 'npm.mp4', '-t', '0.4', '-q'], {
      env: { INIT_CWD: folder.path },
    });
    expect(code).toBe(0);
    expect(readFileSync(folder.file('npm.mp4')).length).toBeGreaterThan(1000);
  });
});

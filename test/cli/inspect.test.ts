import { spawnSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { command, linesOf, runCli } from './run-cli.js';

describe('models list', () => {
  test('a table with a line for each model', async () => {
    const { code, stdout } = await runCli(['models', 'list']);
    expect(code).toBe(0);
    const [header = '', ...rows] = linesOf(stdout);
    expect(header.split(/ {2,}/)).toEqual(['effect', 'model', 'version', 'precision', 'size', 'licence', 'title']);
    expect(rows.some((row) => row.startsWith('day-to-night '))).toBe(true);
    expect(await runCli(['models'])).toMatchObject({ code: 0, stdout });
  });

  test('--json: an array for a program', async () => {
    const { stdout } = await runCli(['models', 'list', '--json']);
    const models = JSON.parse(stdout) as { effect: string; bytes: number }[];
    expect(models.find(({ effect }) => effect === 'day-to-night')?.bytes).toBeGreaterThan(1e5);
  });

  test('a reader that goes away early is not worth a word', () => {
    const pipe = `'${process.execPath}' '${command}' models list --json | true`;
    const { stderr } = spawnSync('sh', ['-c', pipe], { encoding: 'utf8' });
    expect(stderr).toBe('');
  });
});

describe('doctor', () => {
  test('says what there is, and that it is enough', async () => {
    const { code, stdout } = await runCli(['doctor']);
    expect(stdout).toMatch(/^node +v\d+/m);
    expect(stdout).toMatch(/^machine .* \d+ cores, [\d.]+ GiB$/m);
    expect(stdout).toMatch(/^ffmpeg +\S+, .*ffmpeg/m);
    expect(stdout).toMatch(/^encoders .*libx264/m);
    expect(stdout).toMatch(/^cpu +works$/m);
    expect(stdout).toMatch(/^model +day-to-night/m);
    expect(linesOf(stdout).at(-1)).toBe('Videos can be translated.');
    expect(code).toBe(0);
  });

  test('--json: the same for a program', async () => {
    const { code, stdout } = await runCli(['doctor', '--json']);
    const report = JSON.parse(stdout) as { node: string; ffmpeg: { path: string }; providers: object[] };
    expect(code).toBe(0);
    expect(report.node).toBe(process.version);
    expect(report.providers).toContainEqual({ name: 'cpu', available: true });
  });

  test('an ffmpeg that is not there is a problem, with its remedy, and exit code 1', async () => {
    const { code, stdout } = await runCli(['doctor'], { env: { FFMPEG_PATH: '/nowhere/ffmpeg' } });
    expect(stdout).toMatch(/^ffmpeg +none$/m);
    expect(stdout).toMatch(/^error: .*\/nowhere\/ffmpeg.*\n {2}.*FFMPEG_PATH/m);
    expect(code).toBe(1);
  });
});

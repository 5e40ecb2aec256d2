import { describe, expect, test } from 'vitest';

import { runCli } from './run-cli.js';

describe('help', () => {
  test('names the commands and the exit codes', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const word of ['translate', 'serve', 'models', 'doctor', 'completion', 'Exit codes:']) {
      expect(stdout).toContain(word);
    }
  });

  test('of translate names every option, with examples', async () => {
    const { code, stdout } = await runCli(['translate', '--help']);
    expect(code).toBe(0);
    const named = [...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(
      [
        ...[
          'effect',
          'model',
          'guidance',
          'seed',
          'working-size',
          'strength',
          'compare',
          'start',
          'duration',
          'size',
          'frame-rate',
          'allow-truncated',
        ],
        ...['overwrite', 'format', 'codec', 'crf', 'preset', 'device', 'sessions', 'threads', 'ffmpeg'],
        ...['json', 'quiet', 'help'],
      ].sort(),
    );
    expect(stdout).toContain('Usage: vid2vid-turbo translate <input> [output] [options]');
    expect(stdout).toContain('Examples:');
  });

  test('is printed, as an error, when there is no command', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: vid2vid-turbo');
  });

  test('of the version is the version of the package', async () => {
    const { code, stdout } = await runCli(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a usage error', () => {
  test.each([
    { args: ['tranlate', 'a.mp4'], says: "error: unknown command 'tranlate'\n  Did you mean translate?\n" },
    {
      args: ['translate', 'a.mp4', '--efect', 'x'],
      says: "error: unknown option '--efect'\n  Did you mean --effect?\n",
    },
    { args: ['translate'], says: "error: missing required argument 'input'\n" },
    { args: ['translate', 'a.mp4', 'b.mp4', 'c.mp4'], says: "error: too many arguments for 'translate'." },
    { args: ['translate', 'a.mp4', '--crf', '64'], says: 'It is a number from 0 to 63.' },
    { args: ['translate', 'a.mp4', '--crf', ''], says: 'It is a number from 0 to 63.' },
    { args: ['translate', 'a.mp4', '--strength', '2'], says: 'It is a number from 0 to 1.' },
    { args: ['translate', 'a.mp4', '--sessions', '1.5'], says: 'It is a whole number from 1 to 64.' },
    { args: ['translate', 'a.mp4', '--threads', '0'], says: 'It is a whole number from 1 to 256.' },
    { args: ['translate', 'a.mp4', '--device', 'gpu'], says: 'Allowed choices are auto, cpu, webgpu, cuda' },
    { args: ['translate', 'a.mp4', '--compare', 'both'], says: 'Allowed choices are side-by-side, split.' },
    { args: ['translate', 'a.mp4', '--start', 'noon'], says: 'error: --start: a time is seconds or HH:MM:SS.' },
    { args: ['translate', 'a.mp4', '--size', 'big'], says: 'error: --size: a size is WIDTHxHEIGHT' },
    { args: ['completion', 'tcsh'], says: 'Allowed choices are bash, zsh, fish, powershell.' },
  ])('$args: exit code 2, a line that says it', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^error: .*\n(?: {2}.*\n)?$/);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('is a line of JSON for a program', async () => {
    const { code, stdout, stderr } = await runCli(['translate', '--json', 'a.mp4', '--crf', 'low']);
    expect(code).toBe(2);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'error',
      code: 'usage',
      message: expect.stringContaining('--crf') as string,
    });
  });
});

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { linesOf, makeClip, runCli, TemporaryFolder } from './run-cli.js';

const folder = new TemporaryFolder();
const clip = folder.file('clip.mp4');

beforeAll(() => {
  makeClip(clip, 1);
  makeClip(folder.file('whole.mkv'), 4);
  writeFileSync(folder.file('text.txt'), 'This is no video.\n');
  writeFileSync(folder.file('text.mp4'), 'This is no video, whatever it is called.\n');
  writeFileSync(folder.file('empty.mp4'), '');
  writeFileSync(folder.file('there.mp4'), 'mine');
  mkdirSync(folder.file('folder'));
});
afterAll(() => folder[Symbol.dispose]());

const failures = [
  { what: 'no such input', args: ['nowhere.mp4'], code: 3, cause: 'input-not-found' },
  { what: 'a text for input', args: ['text.txt'], code: 3, cause: 'input-not-video' },
  { what: 'a text that is called a video', args: ['text.mp4'], code: 3, cause: /^input-/ },
  { what: 'an empty input', args: ['empty.mp4'], code: 3, cause: /^input-/ },
  { what: 'a folder for input', args: ['folder'], code: 3, cause: /^input-/ },
  { what: 'an output that is there', args: ['clip.mp4', 'there.mp4'], code: 4, cause: 'output-exists' },
  { what: 'a folder that is not there', args: ['clip.mp4', 'no/out.mp4'], code: 4, cause: 'output-unwritable' },
  { what: 'an unknown kind of output', args: ['clip.mp4', 'out.xyz'], code: 2, cause: 'usage' },
  { what: 'an unknown effect', args: ['clip.mp4', '--effect', 'day-to-nite'], code: 5, cause: 'effect-unknown' },
  { what: 'a model that is not there', args: ['clip.mp4', '--model', 'folder'], code: 5, cause: /^model-/ },
  {
    what: 'a device that is not here',
    args: ['clip.mp4', '--device', notHere()],
    code: 6,
    cause: 'device-unavailable',
  },
  {
    what: 'an ffmpeg that is not there',
    args: ['clip.mp4', '--ffmpeg', 'no/ffmpeg'],
    code: 7,
    cause: 'ffmpeg-not-found',
  },
  { what: 'an encoder that is not there', args: ['clip.mp4', '--codec', 'libx999'], code: 7, cause: 'encoder-missing' },
];

/** A device that this machine can't have. */
function notHere(): string {
  return process.platform === 'darwin' ? 'dml' : 'coreml';
}

test.each(failures)('$what: exit code $code, and --json ends in the cause', async ({ args, code: expected, cause }) => {
  const { code, stdout, stderr } = await runCli(['translate', '--json', ...args], { cwd: folder.path });
  const last = JSON.parse(linesOf(stdout).at(-1) ?? '') as { type: string; code: string; message: string };
  expect(last.type).toBe('error');
  expect(last.code).toMatch(cause);
  expect(last.message).toMatch(/^.{10,300}$/);
  expect(stderr).toBe('');
  expect(code).toBe(expected);
});

test.each([{ args: ['nowhere.mp4'] }, { args: ['text.txt'] }, { args: ['clip.mp4', 'there.mp4'] }])(
  'for people it is a line or two, without a stack trace: $args',
  async ({ args }) => {
    const { stdout, stderr } = await runCli(['translate', '--quiet', ...args], { cwd: folder.path });
    expect(stderr).toMatch(/^error: .+\n(?: {2}.+\n)?$/);
    expect(stdout).toBe('');
  },
);

test('an unknown effect: the nearest one is named', async () => {
  const { stderr } = await runCli(['translate', clip, '--effect', 'day-to-nite']);
  expect(stderr).toContain('Did you mean "day-to-night"?');
});

test('a file that is there is left as it was, and nothing is left beside it', async () => {
  await runCli(['translate', clip, folder.file('there.mp4')]);
  expect(readFileSync(folder.file('there.mp4'), 'utf8')).toBe('mine');
  expect(readdirSync(folder.path).filter((name) => name.includes('part'))).toEqual([]);
});

test('a file without its end is an error, and no output is left; unless as far as it goes is far enough', async () => {
  const whole = readFileSync(folder.file('whole.mkv'));
  writeFileSync(folder.file('cut.mkv'), whole.subarray(0, whole.length / 2));
  const { code, stderr } = await runCli(['translate', '--quiet', 'cut.mkv'], { cwd: folder.path });
  expect(stderr).toContain('--allow-truncated');
  expect(code).toBe(3);
  expect(readdirSync(folder.path).filter((name) => name.includes('cut-'))).toEqual([]);
  const again = await runCli(['translate', '--quiet', 'cut.mkv', '--allow-truncated'], { cwd: folder.path });
  expect(again).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(readdirSync(folder.path)).toContain('cut-night.mkv');
});

test('VID2VID_TURBO_DEBUG=1 shows where it happened', async () => {
  const { stderr } = await runCli(['translate', 'nowhere.mp4'], { env: { VID2VID_TURBO_DEBUG: '1' } });
  expect(stderr).toMatch(/\n\s+at .+\.js:\d+/);
});

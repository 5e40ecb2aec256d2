import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli } from '../cli/run-cli.js';
import { ffmpeg, frameTimes, MediaFolder, root } from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';

const training = join(root, 'models', 'training');
const python = [process.env.VID2VID_TURBO_TRAINING_PYTHON, join(training, '.venv', 'bin', 'python')].find(
  (path) => path !== undefined && existsSync(path),
);
const isHere =
  python !== undefined &&
  spawnSync(python, ['-c', 'import torch, onnx, onnxruntime, scipy, yaml, PIL'], { stdio: 'ignore' }).status === 0;
if (!isHere) {
  console.warn(
    'SKIPPED: learning a model of one’s own, since there is no Python with torch (set one up as models/training/README.md ' +
      'says, in models/training/.venv, or name it by VID2VID_TURBO_TRAINING_PYTHON).',
  );
}

const folder = new MediaFolder();
afterAll(() => {
  folder.remove();
});

/** The training tool, as its README calls it. */
function tool(...args: string[]): {
  command: string;
  args: string[];
  options: { cwd: string; env: NodeJS.ProcessEnv };
} {
  const env = { ...process.env, OMP_NUM_THREADS: '2', PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
  return { command: python ?? '', args: ['-m', 'turbo_training', ...args], options: { cwd: training, env } };
}

function run(...args: string[]): { code: number | null; said: string } {
  const { command, args: all, options } = tool(...args);
  const result = spawnSync(command, all, { ...options, encoding: 'utf8' });
  return { code: result.status, said: result.stdout + result.stderr };
}

test.skipIf(!isHere)('the training’s own tests pass', { timeout: 300_000 }, () => {
  const { command, options } = tool();
  const pytest = spawnSync(command, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider'], { ...options, encoding: 'utf8' });
  expect(`${String(pytest.status)} ${pytest.stdout}`).toMatch(/^0 .* passed/s);
});

describe.skipIf(!isHere)('a model of one’s own, from two folders of pictures', { timeout: 300_000 }, () => {
  const [bright, dark] = [folder.file('bright'), folder.file('dark')];

  beforeAll(() => {
    mkdirSync(bright);
    mkdirSync(dark);
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=160x96:rate=8:duration=1'];
    ffmpeg(...picture, join(bright, '%02d.png'));
    ffmpeg(...picture, '-vf', 'eq=brightness=-0.3:saturation=0.5', join(dark, '%02d.png'));
  });

  test('paired: prepared, killed, gone on with, exported, and it translates a video', async () => {
    const work = folder.file('paired');
    const size = ['--steps', '16', '--crop', '64', '64'];
    const folders = ['--input', bright, '--output', dark, '--id', 'my-model', '--work', work];
    expect(run('prepare', '--objective', 'paired', ...folders, ...size)).toMatchObject({ code: 0 });

    const { command, args, options } = tool('train', '--objective', 'paired', '--work', work);
    const child = spawn(command, args, { ...options, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (!existsSync(join(work, 'latest.pt')) && child.exitCode === null) {
      await sleep(20);
    }
    child.kill('SIGKILL');
    await ended;

    const trained = run('train', '--objective', 'paired', '--work', work);
    expect(trained.said).toContain('resuming at step');
    expect(trained.said).toContain('perceptual distance:');
    expect(run('evaluate', '--work', work, '--parts', 'realism', 'speed')).toMatchObject({ code: 0 });
    const model = folder.file('my-model');
    expect(run('export', '--work', work, '--out', model)).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8'))).toMatchObject({ id: 'my-model' });

    const [input, output] = [makeSample(folder.file('input.mp4')), folder.file('output.mp4')];
    const { code, stderr } = await runCli(['translate', input, output, '--model', model]);
    expect(`${String(code)} ${stderr}`).toMatch(/^0 /);
    expect(frameTimes(output)).toHaveLength(sampleFrames);
  });

  test('unpaired, begun from a shipped model: one network for both directions', () => {
    const work = folder.file('unpaired');
    const folders = ['--input', bright, '--output', dark, '--id', 'my-other-model', '--work', work];
    run('prepare', '--objective', 'unpaired', ...folders, '--steps', '4', '--crop', '64', '64');
    const shipped = join(root, 'models', 'day-to-night');
    const { code, said } = run('train', '--objective', 'unpaired', '--work', work, '--weights', shipped);
    expect(`${String(code)} ${said}`).toMatch(/^0 .*cycle/s);
    expect(run('export', '--work', work, '--out', folder.file('my-other-model'))).toMatchObject({ code: 0 });
  });

  test('folders that can’t be learnt from are told, and how to mend it', () => {
    const work = ['--work', folder.file('none')];
    expect(run('prepare', '--objective', 'paired', '--input', bright, ...work)).toMatchObject({ code: 2 });
    const empty = folder.file('empty');
    mkdirSync(empty);
    const { code, said } = run('prepare', '--objective', 'unpaired', '--input', bright, '--output', empty, ...work);
    expect(code).toBe(2);
    expect(said).toContain('holds 0 pictures');
  });
});

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCli } from '../cli/run-cli.js';
import { ffmpeg, frameTimes, MediaFolder, root } from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';
import { isHere, run, runUntil } from './python.js';

const folder = new MediaFolder();
afterAll(() => {
  folder.remove();
});

describe.skipIf(!isHere)('a model of one’s own, from two folders of pictures', { timeout: 600_000 }, () => {
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
    expect(await run('prepare', '--objective', 'paired', ...folders, ...size)).toMatchObject({ code: 0 });

    const train = ['train', '--objective', 'paired', '--work', work];
    await runUntil(() => existsSync(join(work, 'latest.pt')), ...train);
    const trained = await run(...train);
    expect(trained.said).toContain('resuming at step');
    expect(trained.said).toContain('perceptual distance:');
    expect(await run('evaluate', '--work', work, '--parts', 'realism', 'speed')).toMatchObject({ code: 0 });
    const model = folder.file('my-model');
    expect(await run('export', '--work', work, '--out', model)).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8'))).toMatchObject({ id: 'my-model' });

    const [input, output] = [makeSample(folder.file('input.mp4')), folder.file('output.mp4')];
    const { code, stderr } = await runCli(['translate', input, output, '--model', model]);
    expect(`${String(code)} ${stderr}`).toMatch(/^0 /);
    expect(frameTimes(output)).toHaveLength(sampleFrames);
  });

  test('unpaired, begun from a shipped model: one network for both directions', async () => {
    const work = folder.file('unpaired');
    const folders = ['--input', bright, '--output', dark, '--id', 'my-other-model', '--work', work];
    await run('prepare', '--objective', 'unpaired', ...folders, '--steps', '4', '--crop', '64', '64');
    const shipped = join(root, 'models', 'day-to-night');
    const { code, said } = await run('train', '--objective', 'unpaired', '--work', work, '--weights', shipped);
    expect(`${String(code)} ${said}`).toMatch(/^0 .*cycle/s);
    expect(await run('export', '--work', work, '--out', folder.file('my-other-model'))).toMatchObject({ code: 0 });
  });

  test('folders that can’t be learnt from are told, and how to mend it', async () => {
    const work = ['--work', folder.file('none')];
    expect(await run('prepare', '--objective', 'paired', '--input', bright, ...work)).toMatchObject({ code: 2 });
    const empty = folder.file('empty');
    mkdirSync(empty);
    const folders = ['--input', bright, '--output', empty];
    const { code, said } = await run('prepare', '--objective', 'unpaired', ...folders, ...work);
    expect(code).toBe(2);
    expect(said).toContain('holds 0 pictures');
  });
});

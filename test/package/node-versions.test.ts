import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exactModel, frameTimes, MediaFolder, root } from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = new MediaFolder();
let clip: string;
let model: string;
beforeAll(() => {
  clip = makeSample(folder.file('clip.mp4'));
  model = exactModel(folder);
});
afterAll(() => folder.remove());

/** The program of a version of Node.js, from the npm package that holds it; fetched once and kept. */
function nodeOf(version: string): string | undefined {
  const kept = join(root, 'test', '.cache', `node-${version}`);
  const program = join(kept, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(program)) {
    mkdirSync(kept, { recursive: true });
    const how = ['--no-save', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', kept];
    const fetched = spawnSync('npm', ['install', ...how, `node@${version}`], { encoding: 'utf8', cwd: kept });
    if (fetched.status !== 0 || !existsSync(program)) {
      console.warn(`SKIPPED: the tests on Node ${version}, which could not be fetched: ${fetched.stderr}`);
      return undefined;
    }
  }
  return program;
}

describe.each(['20.19', '22', '24'])('on Node %s', (version) => {
  let node: string | undefined;
  beforeAll(() => {
    node = nodeOf(version);
  }, 600_000);

  test('a video is translated, by the command', ({ skip }) => {
    skip(node === undefined, `node@${version} could not be fetched`);
    const program = node ?? '';
    const printed = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout;
    expect(printed.startsWith(`v${version}.`)).toBe(true);
    const out = folder.file(`on-${version}.mp4`);
    const args = [command, 'translate', clip, out, '--model', model, '--json'];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      type: 'summary',
      framesIn: sampleFrames,
      framesOut: sampleFrames,
    });
    expect(frameTimes(out)).toHaveLength(sampleFrames);
  });

  test('the library is imported, and reports a failure as it should', ({ skip }) => {
    skip(node === undefined, `node@${version} could not be fetched`);
    const library = new URL('../../dist/index.js', import.meta.url).href;
    const script = `import { translateFile } from ${JSON.stringify(library)};
      await translateFile('nowhere.mp4').catch((error) => console.log(error.name, error.code));`;
    const { stdout, stderr } = spawnSync(node ?? '', ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'InputError input-not-found\n', stderr: '' });
  });
});

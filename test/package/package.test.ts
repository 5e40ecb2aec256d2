import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { frameTimes, MediaFolder, root } from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';

const folder = new MediaFolder();
const place = folder.file('place');
const installed = join(place, 'node_modules', 'vid2vid-turbo');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** The environment of a user: nothing that the npm which runs these tests has set, but where its packages come from. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) || /^npm_config_(registry|userconfig|globalconfig|cafile|.*proxy)$/i.test(name),
  ),
);

function run(program: string, args: readonly string[], cwd = place): string {
  const result = spawnSync(program, args, { cwd, env: environment, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (result.status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${String(result.status)}\n${result.stdout}\n${result.stderr}`);
  }
  return result.stdout;
}

/** Bytes of all files below a folder that aren't in a node_modules. */
function sizeOf(path: string): number {
  return readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => {
    const inside = join(path, entry.name);
    return sum + (entry.name === 'node_modules' ? 0 : entry.isDirectory() ? sizeOf(inside) : statSync(inside).size);
  }, 0);
}

beforeAll(() => {
  mkdirSync(place);
  // The build is the tests' own; packing must not start another beside them.
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], root);
  const tarball = folder.file(`${manifest.name}-${manifest.version}.tgz`);
  // As on a new machine: no configuration of the checkout's, and nothing cached.
  run('npm', [
    'install',
    '--omit=dev',
    '--no-audit',
    '--no-fund',
    '--cache',
    folder.file('cache'),
    '--prefix',
    place,
    tarball,
  ]);
}, 600_000);
afterAll(() => folder.remove());

test('the command is there and tells how it is used', () => {
  const help = run('npx', ['--no-install', 'vid2vid-turbo', '--help']);
  expect(help).toContain('translate');
  expect(help).toContain('doctor');
  expect(run('npx', ['--no-install', 'vid2vid-turbo', '--version']).trim()).toBe(manifest.version);
});

test('it translates a video, with the model that came along', () => {
  const clip = makeSample(join(place, 'clip.mp4'));
  run('npx', ['--no-install', 'vid2vid-turbo', 'translate', clip, 'night.mp4', '--quiet']);
  expect(frameTimes(join(place, 'night.mp4'))).toHaveLength(sampleFrames);
});

test('the library is imported, with its types', () => {
  writeFileSync(
    join(place, 'program.mjs'),
    `import { listModels, translateFile, InputError } from 'vid2vid-turbo';
    const models = await listModels();
    const error = await translateFile('nowhere.mp4').catch((error) => error);
    console.log(models.map(({ effect }) => effect).join(), error instanceof InputError, error.code);`,
  );
  expect(run(process.execPath, ['program.mjs'])).toBe(
    'clear-to-foggy,clear-to-rainy,clear-to-snowy,day-to-night,night-to-day,rainy-to-clear true input-not-found\n',
  );
  expect(existsSync(join(installed, 'dist', 'index.d.ts'))).toBe(true);
});

test('no more than 40 MB, and nothing that only its makers need', () => {
  expect(sizeOf(installed)).toBeLessThanOrEqual(40 * 2 ** 20);
  expect(readdirSync(installed).sort()).toEqual(
    expect.arrayContaining(['dist', 'models', 'package.json', 'scripts']) as string[],
  );
  for (const left of ['src', 'test', 'bench', 'node_modules/.vite', 'models/training']) {
    expect(existsSync(join(installed, left))).toBe(false);
  }
  const there = readdirSync(join(place, 'node_modules'));
  for (const tool of ['typescript', 'vitest', 'eslint', 'prettier', 'typedoc', 'tsx']) {
    expect(there).not.toContain(tool);
  }
  for (const name of Object.keys(manifest.devDependencies).filter((name) => name.startsWith('@types/'))) {
    expect(existsSync(join(place, 'node_modules', name))).toBe(false);
  }
});

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the set-up of this checkout, where the one before the tests has left nothing to do. */
function setUp() {
  return spawnSync(process.execPath, ['scripts/setup.mjs'], { cwd: root, encoding: 'utf8' });
}

test('with nothing to do it says nothing and is quick', () => {
  const start = performance.now();
  expect(setUp()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(performance.now() - start).toBeLessThan(2000);
});

test('everything built has its source', () => {
  const sources = new Set(readdirSync(`${root}src`, { recursive: true }).map(String));
  const built = readdirSync(`${root}dist`, { recursive: true }).map(String);
  const modules = built.filter((path) => path.endsWith('.js')).map((path) => path.replace(/\.js$/, '.ts'));
  expect(modules.filter((path) => !sources.has(path))).toEqual([]);
});

test('the scripts that need a set-up run it first', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  for (const name of ['translate', 'test', 'bench']) {
    expect(scripts[`pre${name}`]).toContain('node scripts/setup.mjs');
  }
});

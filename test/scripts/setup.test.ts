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
  const compiled = built.filter((path) => path.endsWith('.js') && !path.startsWith('client'));
  const modules = compiled.map((path) => path.replace(/\.js$/, '.ts'));
  expect(modules.filter((path) => !sources.has(path))).toEqual([]);
});

test('the page is built, with nothing inline that its Content-Security-Policy forbids, and nothing from elsewhere', () => {
  const page = readFileSync(`${root}dist/client/index.html`, 'utf8');
  expect(page).toMatch(/<script type="module"[^>]* src="\/assets\//);
  expect(page).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=/);
  expect(page.match(/(src|href)="[^"]*"/g)?.filter((link) => !/="[/#]/.test(link))).toEqual([]);
});

test('the scripts that need a set-up run it first', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  for (const name of ['translate', 'test', 'bench']) {
    expect(scripts[`pre${name}`]).toContain('node scripts/setup.mjs');
  }
});

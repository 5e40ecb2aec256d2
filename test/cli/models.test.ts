import { cpSync, mkdirSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FileServer } from '../support/file-server.js';
import { fixture } from '../support/models.js';
import { checkpointPath, mirrorOfPublishedModels } from '../support/published-models.js';
import { linesOf, runCli, startCli, TemporaryFolder } from './run-cli.js';

let server: FileServer;
beforeAll(async () => {
  server = await mirrorOfPublishedModels();
});
afterAll(() => server.close());

/** The environment of a cache of the test's own, proxies of this machine left out. */
function cacheIn(folder: TemporaryFolder): { readonly env: NodeJS.ProcessEnv } {
  return { env: { VID2VID_TURBO_CACHE: folder.file('cache'), NO_PROXY: '*' } };
}

function jsonLines(text: string): Record<string, unknown>[] {
  return linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('models list and info', () => {
  test('show what can be pulled, after what is there', async () => {
    using folder = new TemporaryFolder();
    const { stdout } = await runCli(['models'], cacheIn(folder));
    expect(stdout).toMatch(/To be had with "vid2vid-turbo models pull <model>":\n.*\n.*day-to-night-turbo/);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('tell the terms of what can be pulled', async () => {
    using folder = new TemporaryFolder();
    const { stdout, code } = await runCli(['models', 'info', 'day-to-night-turbo'], cacheIn(folder));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^checkpoint +https:\/\/www\.cs\.cmu\.edu\/~img2img-turbo\/models\/day2night\.pkl$/m);
    expect(stdout).toMatch(/^terms +SD-Turbo .*https:\/\/huggingface\.co\//m);
    expect(stdout).toMatch(/^Not here yet: vid2vid-turbo models pull day-to-night-turbo$/m);
    const embedded = await runCli(['models', 'info', 'day-to-night', '--json'], cacheIn(folder));
    expect(JSON.parse(embedded.stdout)).toMatchObject({
      listing: { origin: 'embedded' },
      manifest: { id: 'day-to-night' },
    });
  });

  test('tell what a model remembers from frame to frame', async () => {
    using folder = new TemporaryFolder();
    cpSync(fixture('running-mean'), folder.file('cache/packages/running-mean'), { recursive: true });
    const { stdout } = await runCli(['models', 'info', 'running-mean'], cacheIn(folder));
    expect(stdout).toMatch(/^remembers +from frame to frame, newMean as mean, newCount as count$/m);
    const { manifest } = JSON.parse(
      (await runCli(['models', 'info', 'running-mean', '--json'], cacheIn(folder))).stdout,
    ) as { manifest: { states: object[] } };
    expect(manifest.states[0]).toEqual({
      ...{ input: 'mean', output: 'newMean' },
      ...{ initialShape: [1, 1, 1, 3], initial: -1000 },
    });
    cpSync(fixture('invert'), folder.file('cache/packages/invert'), { recursive: true });
    const without = await runCli(['models', 'info', 'invert'], cacheIn(folder));
    expect(without.stdout).toMatch(/^takes +strength$/m);
    expect(without.stdout).not.toContain('remembers');
  });

  test('tell of a package in a folder', async () => {
    using folder = new TemporaryFolder();
    const { stdout, code } = await runCli(['models', 'info', fixture('invert')], cacheIn(folder));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^model +invert$/m);
    expect(stdout).toContain(fixture('invert'));
    const none = await runCli(['models', 'info', folder.file('none')], cacheIn(folder));
    expect(none.stderr).toMatch(/^error: There is no model package at .*none/);
    expect(none.code).toBe(5);
  });

  test('take a plain word for an id, though a folder has that name', async () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file('day-to-night'));
    const where = { ...cacheIn(folder), cwd: folder.path };
    const { stdout } = await runCli(['models', 'info', 'day-to-night', '--json'], where);
    expect(JSON.parse(stdout)).toMatchObject({ listing: { origin: 'embedded' } });
    expect((await runCli(['models', 'verify', 'day-to-night'], where)).code).toBe(0);
  });

  test('of a name that nothing has suggest the nearest', async () => {
    using folder = new TemporaryFolder();
    for (const command of ['info', 'verify', 'pull']) {
      const { code, stderr } = await runCli(['models', command, 'day-to-nite-turbo'], cacheIn(folder));
      expect(stderr).toMatch(/^error: There is no model "day-to-nite-turbo"\. Did you mean "day-to-night-turbo"\?/);
      expect(code).toBe(5);
    }
  });
});

describe('models pull', () => {
  test('without consent and without a terminal to ask on says how to give it', async () => {
    using folder = new TemporaryFolder();
    const { code, stderr } = await runCli(
      ['models', 'pull', 'day-to-night-turbo', '--base-url', server.url],
      cacheIn(folder),
    );
    expect(stderr).toMatch(/^error: The terms of day-to-night-turbo were not accepted\..*\n {2}.*--accept-licence/m);
    expect(code).toBe(5);
  });

  test('Ctrl-C: stops, keeps what came, and says so with its exit code', async () => {
    using folder = new TemporaryFolder();
    server.bytesPerSecond = 300_000;
    const { child, ended } = startCli(
      ['models', 'pull', 'day-to-night-turbo', '--base-url', server.url, '--accept-licence', '--json'],
      cacheIn(folder),
    );
    await expect
      .poll(() => server.gets(`${checkpointPath}day2night.pkl`)[0]?.bytesSent ?? 0, { timeout: 30_000 })
      .toBeGreaterThan(20_000);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    server.bytesPerSecond = 0;
    expect(code).toBe(130);
    const lines = jsonLines(stdout);
    expect(lines.find(({ type }) => type === 'progress')).toMatchObject({
      stage: 'download',
      totalBytes: expect.any(Number) as number,
    });
    expect(lines.at(-1)).toEqual({ type: 'error', code: 'canceled', message: 'Stopped before the end.' });
    expect(await readdir(join(folder.file('cache'), 'packages'))).toEqual([]);
    expect(await readdir(join(folder.file('cache'), 'work'))).toEqual([]);
    expect((await readdir(join(folder.file('cache'), 'downloads'))).sort()).toHaveLength(2);
  });

  test('a mirror that is none is a usage error', async () => {
    using folder = new TemporaryFolder();
    const { code, stderr } = await runCli(
      ['models', 'pull', 'day-to-night-turbo', '--accept-licence', '--base-url', 'mirror'],
      cacheIn(folder),
    );
    expect(stderr).toMatch(/^error: --base-url: "mirror" is not the address of a mirror\./);
    expect(code).toBe(2);
  });
});

describe('models compile', () => {
  test('names what is missing', async () => {
    using folder = new TemporaryFolder();
    const given = (...more: string[]) =>
      runCli(
        ['models', 'compile', '--base', folder.path, '--prompt', 'night', '--id', 'mine', ...more],
        cacheIn(folder),
      );
    expect(await given()).toMatchObject({ code: 2, stderr: expect.stringMatching(/--checkpoint <file>/) as string });
    expect(await given('--checkpoint', folder.file('none.pkl'))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: The checkpoint ".*none\.pkl" does not exist\./) as string,
    });
    expect(await given('--checkpoint', folder.path, '--id', 'Mine!')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: --id: an id is lower-case letters/) as string,
    });
    const networks = join(import.meta.dirname, '../fixtures/networks');
    const inOneFile = ['--checkpoint', join(networks, 'pix2pix-turbo.pkl'), '--base'];
    expect(await given(...inOneFile, join(networks, 'base-single-file.safetensors'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: --tokenizer: .* has no tokenizer in it[^]*--keep-downloads/) as string,
    });
  });
});

describe('models verify and remove', () => {
  test('find what is broken, and take it away', async () => {
    using folder = new TemporaryFolder();
    const options = cacheIn(folder);
    const mine = join(folder.file('cache'), 'packages', 'invert');
    cpSync(fixture('invert'), mine, { recursive: true });
    const whole = await runCli(['models', 'verify'], options);
    expect(whole).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^whole {3}day-to-night .*\n(?:whole .*\n)*whole {3}invert/m) as string,
    });
    const graph = await readFile(join(mine, 'model.onnx'));
    graph[50] = (graph[50] ?? 0) ^ 1;
    await writeFile(join(mine, 'model.onnx'), graph);
    const broken = await runCli(['models', 'verify', 'invert', '--json'], options);
    expect(broken.code).toBe(5);
    expect(jsonLines(broken.stdout).at(-1)).toMatchObject({
      type: 'verified',
      models: [{ id: 'invert', problem: expect.stringMatching(/sha256/) as string }],
    });
    const removed = await runCli(['models', 'remove', 'invert'], options);
    expect(removed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Removed invert: /) as string });
    expect(await runCli(['models', 'remove', 'invert'], options)).toMatchObject({ code: 5 });
    expect(await runCli(['models', 'remove', 'day-to-night'], options)).toMatchObject({ code: 5 });
  });
});

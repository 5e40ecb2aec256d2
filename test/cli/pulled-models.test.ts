import { copyFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FileServer } from '../support/file-server.js';
import { mirrorOfPublishedModels, networks } from '../support/published-models.js';
import { linesOf, makeClip, runCli, TemporaryFolder, type CliRun } from './run-cli.js';

// Everything is the real thing but the widths of the networks and the server's address.
let server: FileServer;
const folder = new TemporaryFolder();
const cache = folder.file('cache');
beforeAll(async () => {
  server = await mirrorOfPublishedModels();
  makeClip(folder.file('clip.mp4'), 0.2, '200x120');
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await server.close();
});

function cli(...args: string[]): Promise<CliRun> {
  return runCli(args, { cwd: folder.path, env: { VID2VID_TURBO_CACHE: cache, NO_PROXY: '*' } });
}

function pull(id: string, ...more: string[]): Promise<CliRun> {
  return cli('models', 'pull', id, '--base-url', server.url, '--accept-licence', '--keep-downloads', '--json', ...more);
}

function lastLine({ stdout }: CliRun): Record<string, unknown> {
  return JSON.parse(linesOf(stdout).at(-1) ?? '{}') as Record<string, unknown>;
}

async function translate(model: string, ...more: string[]): Promise<Record<string, unknown>> {
  return lastLine(
    await cli('translate', 'clip.mp4', `${model}.mp4`, '-y', '--model', model, '--device', 'cpu', '--json', ...more),
  );
}

async function manifestOf(id: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(cache, 'packages', id, 'manifest.json'), 'utf8')) as Record<string, unknown>;
}

describe('a published model', () => {
  test('is pulled and translates a video by its name', async () => {
    const pulled = await pull('day-to-night-turbo', '--precision', 'both');
    expect(pulled.code, pulled.stdout).toBe(0);
    expect(lastLine(pulled)).toMatchObject({
      type: 'model',
      id: 'day-to-night-turbo',
      effect: 'day-to-night',
      precision: ['fp32', 'fp16'],
      origin: 'cache',
    });
    expect(pulled.stdout).toContain('"stage":"compile"');
    expect(await manifestOf('day-to-night-turbo')).toMatchObject({
      input: { workingSize: 512, sizeMultiple: 8 },
      provenance: { prompt: 'driving in the night', direction: 'a2b' },
    });
    expect(await translate('day-to-night-turbo')).toMatchObject({ type: 'summary', framesOut: 5, size: '200x120' });
    expect(await translate('day-to-night-turbo', '--working-size', '64')).toMatchObject({
      framesOut: 5,
      size: '200x120',
    });
    expect((await cli('models', 'verify', 'day-to-night-turbo')).stdout).toMatch(/^whole {3}day-to-night-turbo/m);
  });

  test('the other way round has another prompt and direction', async () => {
    expect((await pull('night-to-day-turbo')).code).toBe(0);
    expect(await manifestOf('night-to-day-turbo')).toMatchObject({
      provenance: { prompt: 'driving in the day', direction: 'b2a' },
    });
    expect(await translate('night-to-day-turbo')).toMatchObject({ framesOut: 5 });
  });

  test('of edges paints what the prompt says', async () => {
    expect(lastLine(await pull('edge-to-image-turbo'))).toMatchObject({ type: 'error', code: 'usage' });
    expect((await pull('edge-to-image-turbo', '--prompt', 'a red bicycle')).code).toBe(0);
    expect(await translate('edge-to-image-turbo')).toMatchObject({ framesOut: 5, size: '200x120' });
  });

  test('of sketches is told how closely to follow them, when it runs', async () => {
    expect((await pull('sketch-to-image-turbo', '--prompt', 'a cat', '--seed', '3')).code).toBe(0);
    expect(await translate('sketch-to-image-turbo', '--guidance', '0.9')).toMatchObject({ framesOut: 5 });
    expect(await translate('sketch-to-image-turbo', '--guidance', '2')).toMatchObject({ type: 'error', code: 'usage' });
  });
});

describe("the user's own checkpoint", () => {
  const given = ['--base', join(networks, 'base'), '--prompt', 'driving in the night', '--id', 'my-night'];

  test('is compiled, and found by the name it got', async () => {
    const checkpoint = folder.file('model_1001.pkl');
    copyFileSync(join(networks, 'cyclegan-turbo.pkl'), checkpoint);
    const compile = (...more: string[]) =>
      cli('models', 'compile', '--checkpoint', checkpoint, ...given, '--json', ...more);
    expect(lastLine(await compile())).toMatchObject({
      type: 'error',
      message: expect.stringMatching(/direction/) as string,
    });
    const compiled = await compile('--direction', 'a2b');
    expect(compiled.code, compiled.stdout).toBe(0);
    expect(await translate('my-night')).toMatchObject({ framesOut: 5 });
    expect(lastLine(await compile('--direction', 'a2b'))).toMatchObject({ code: 'output-exists' });
    expect((await compile('--direction', 'b2a', '--overwrite')).code).toBe(0);
    const elsewhere = folder.file('elsewhere');
    expect((await compile('--direction', 'a2b', '--output', elsewhere)).code).toBe(0);
    expect(await translate('my-night', '--model', elsewhere)).toMatchObject({ framesOut: 5 });
  });

  test('that is something else leaves nothing behind', async () => {
    const failed = await cli(
      'models',
      'compile',
      '--checkpoint',
      'clip.mp4',
      ...given.slice(0, -1),
      'broken',
      '--direction',
      'a2b',
      '--json',
    );
    expect(failed.code).toBe(5);
    expect(lastLine(failed)).toMatchObject({ type: 'error', message: expect.stringMatching(/clip\.mp4/) as string });
    expect(await readdir(join(cache, 'packages'))).not.toContain('broken');
    expect(await readdir(join(cache, 'work'))).toEqual([]);
  });
});

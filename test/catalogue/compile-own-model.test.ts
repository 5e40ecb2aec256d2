import { access, copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { CacheFolder } from '../../dist/catalogue/cache/cache-folder.js';
import { compileOwnModel, type CompileOptions } from '../../dist/catalogue/compile-model.js';
import type { CompileRequest } from '../../dist/catalogue/compile-package.js';
import { publishedModels } from '../../dist/catalogue/published.js';
import { pullPublishedModel } from '../../dist/catalogue/pull-model.js';
import type { FileServer } from '../support/file-server.js';
import { temporaryFolder } from '../support/models.js';
import { cacheAt, mirrorOfPublishedModels, networks, writeTinyPackage } from '../support/published-models.js';

let server: FileServer;
let cache: CacheFolder;
beforeEach(async () => {
  server = await mirrorOfPublishedModels();
  cache = cacheAt(await temporaryFolder());
});
afterEach(() => server.close());

const singleFile = path.join(networks, 'base-single-file.safetensors');
const options: CompileOptions = {
  checkpoint: path.join(networks, 'cyclegan-turbo.pkl'),
  base: path.join(networks, 'base'),
  prompt: 'driving in the night',
  direction: 'a2b',
  id: 'mine',
};

/** What the compiler was asked for, and what was in the tokenizer's folder meanwhile. */
async function compile(changes: Partial<CompileOptions>, inCache = cache) {
  let request: CompileRequest | undefined;
  let tokenizer: readonly string[] | undefined;
  const model = await compileOwnModel(
    { ...options, ...changes },
    {
      cache: inCache,
      compile: async (asked) => {
        request = asked;
        tokenizer = asked.tokenizer === undefined ? undefined : (await readdir(asked.tokenizer)).sort();
        await writeTinyPackage(asked);
      },
    },
  );
  return { request, tokenizer, files: (await readdir(model.directory)).sort() };
}

async function pullKeeping(): Promise<void> {
  const night = (await publishedModels()).find(({ id }) => id === 'day-to-night-turbo') ?? expect.fail();
  const pulling = { baseUrl: server.url, acceptLicence: true, keepDownloads: true };
  await pullPublishedModel(night, pulling, { cache, compile: writeTinyPackage });
}

describe('a base that is one file', () => {
  test('is read with the tokenizer that is named', async () => {
    const tokenizer = path.join(networks, 'base', 'tokenizer');
    const { request } = await compile({ base: singleFile, tokenizer });
    expect(request).toMatchObject({ base: singleFile, tokenizer });
    await expect(compile({ base: singleFile, tokenizer: '/nowhere', overwrite: true })).rejects.toMatchObject({
      code: 'input-not-found',
      message: expect.stringMatching(/tokenizer's folder "\/nowhere"/) as string,
    });
  });

  test('is read with the tokenizer that a pull left, which does not become part of the package', async () => {
    await pullKeeping();
    const { tokenizer, files } = await compile({ base: singleFile });
    expect(tokenizer).toEqual(['merges.txt', 'special_tokens_map.json', 'tokenizer_config.json', 'vocab.json']);
    expect(files).toEqual(['manifest.json', 'model.onnx']);
    expect(await readdir(cache.work)).toEqual([]);
  });

  test('is refused without one, and what to do is said', async () => {
    await expect(compile({ base: singleFile })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^options\.tokenizer: .* has no tokenizer in it/) as string,
      remedy: expect.stringMatching(/--tokenizer.*--keep-downloads/) as string,
    });
    expect(await readdir(cache.packages)).toEqual([]);
    expect(await readdir(cache.work)).toEqual([]);
  });

  test('that is no base at all is told so, and not sent for a tokenizer', async () => {
    const part = path.join(networks, 'base', 'unet', 'diffusion_pytorch_model.safetensors');
    await expect(compile({ base: part })).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(/seems to be one part of a model/) as string,
    });
  });

  test('needs none where it is a folder, which has its own', async () => {
    const { request } = await compile({});
    expect(request?.tokenizer).toBeUndefined();
  });
});

describe('a folder of the user’s own', () => {
  test('gets a package or nothing: what a killed attempt left beside it is thrown away', async () => {
    const folder = await temporaryFolder();
    const output = path.join(folder, 'night');
    // As it is while it is being made, and stays when the process is killed.
    const left = path.join(folder, '.night.part');
    await mkdir(left);
    await writeFile(path.join(left, 'model.onnx.data'), 'half of it');
    const { files } = await compile({ output });
    expect(files).toEqual(['manifest.json', 'model.onnx']);
    expect(await readdir(folder)).toEqual(['night']);
  });

  test('is written by one at a time: the second is told that it is there', async () => {
    const output = path.join(await temporaryFolder(), 'night');
    // A lock of its own cache would keep none of them out.
    const other = cacheAt(await temporaryFolder());
    const outcomes = await Promise.allSettled([compile({ output }), compile({ output }, other)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'output-exists' } });
    expect(await readdir(path.dirname(output))).toEqual(['night']);
  });
});

test('a folder of the user’s own needs no cache; one that can’t be written is told', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'file');
  await writeFile(file, '');
  const none = cacheAt(file);
  expect((await compile({ output: path.join(folder, 'night') }, none)).files).toContain('manifest.json');
  await expect(compile({ output: path.join(file, 'night') })).rejects.toMatchObject({ code: 'output-unwritable' });
});

describe('the space on the disk', () => {
  const megabytes = async (changes: Partial<CompileOptions>): Promise<number> => {
    const refused = compileOwnModel(
      { ...options, ...changes },
      { cache, compile: writeTinyPackage, freeBytes: () => Promise.resolve(10) },
    );
    const message = await refused.then(
      () => expect.fail(),
      (error: unknown) => String(error),
    );
    expect(message).toMatch(/^OutputError: Compiling mine takes [\d.]+ MB in .*, where 0\.0 MB are free\.$/);
    return Number(/[\d.]+(?= MB in)/.exec(message)?.[0]);
  };

  test('is asked for before anything is written, and by what will be', async () => {
    const full = await megabytes({});
    expect(full).toBeGreaterThan(1);
    expect(await megabytes({ precision: 'fp16' })).toBeCloseTo(full / 2, 1);
    expect(await megabytes({ precision: 'both' })).toBeCloseTo(full * 1.5, 1);
    expect(await readdir(cache.packages)).toEqual([]);
    await expect(access(path.join(cache.work, 'mine.partial'))).rejects.toThrow();
  });

  test('is that of the networks of a base in one file, as much as of its folder', async () => {
    const tokenizer = path.join(networks, 'base', 'tokenizer');
    const [ofFile, ofFolder] = [await megabytes({ base: singleFile, tokenizer }), await megabytes({})];
    // The files of a folder have names in them, too; the one file has a text encoder.
    expect(Math.abs(ofFile - ofFolder)).toBeLessThan(0.15);
    expect((await stat(singleFile)).size / 1e6).toBeGreaterThan(ofFile + 0.4);
  });

  test('is twice that of a base in half precision, of which a package in full precision is made', async () => {
    const base = path.join(await temporaryFolder(), 'base');
    for (const part of ['unet', 'vae']) {
      await mkdir(path.join(base, part), { recursive: true });
      const weights = 'diffusion_pytorch_model.safetensors';
      await copyFile(
        path.join(networks, 'base', part, weights),
        path.join(base, part, weights.replace('.s', '.fp16.s')),
      );
    }
    expect(await megabytes({ base })).toBeCloseTo(2 * (await megabytes({})), 1);
    // Where both are there, the full one is read.
    await writeFile(path.join(base, 'unet', 'diffusion_pytorch_model.safetensors'), Buffer.alloc(9_000_000));
    expect(await megabytes({ base })).toBeGreaterThan(9);
  });
});

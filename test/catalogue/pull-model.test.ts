import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import type { CacheFolder } from '../../dist/catalogue/cache/cache-folder.js';
import { publishedModels, type PublishedModel } from '../../dist/catalogue/published.js';
import { pullPublishedModel, type PullDependencies, type PullOptions } from '../../dist/catalogue/pull-model.js';
import { findModel, listModels, listPublishedModels, removeModel, verifyModel } from '../../dist/index.js';
import type { FileServer } from '../support/file-server.js';
import { temporaryFolder } from '../support/models.js';
import {
  basePath,
  cacheAt,
  checkpointPath,
  mirrorOfPublishedModels,
  unetPath,
  writeTinyPackage,
} from '../support/published-models.js';

let server: FileServer;
let cache: CacheFolder;
const usualCache = process.env.VID2VID_TURBO_CACHE;
beforeEach(async () => {
  server = await mirrorOfPublishedModels();
  cache = cacheAt(await temporaryFolder());
  process.env.VID2VID_TURBO_CACHE = cache.root;
});
afterEach(async () => {
  await server.close();
  if (usualCache === undefined) {
    delete process.env.VID2VID_TURBO_CACHE;
  } else {
    process.env.VID2VID_TURBO_CACHE = usualCache;
  }
});

async function published(id: string): Promise<PublishedModel> {
  const model = (await publishedModels()).find((entry) => entry.id === id);
  if (model === undefined) {
    throw new Error(`${id} is not published.`);
  }
  return model;
}

interface Pulled {
  readonly notices: readonly string[];
  readonly directory: string;
}

async function pull(
  id = 'day-to-night-turbo',
  options: PullOptions = {},
  dependencies: Partial<PullDependencies> = {},
): Promise<Pulled> {
  const notices: string[] = [];
  const { directory } = await pullPublishedModel(
    await published(id),
    { baseUrl: server.url, acceptLicence: true, onNotice: (notice) => notices.push(notice), ...options },
    { compile: writeTinyPackage, ...dependencies },
  );
  return { notices, directory };
}

/** What a cache holds beside records and locks: nothing but finished packages, when all went well. */
async function leftovers(): Promise<readonly string[]> {
  const folders = [cache.work, cache.downloads, cache.blobs];
  return (await Promise.all(folders.map((folder) => readdir(folder)))).flat();
}

describe('a pull', () => {
  test('fetches, compiles, and leaves a model that is found by its name, and nothing else', async () => {
    const stages = new Set<string>();
    const { directory, notices } = await pull('day-to-night-turbo', { onProgress: ({ stage }) => stages.add(stage) });
    expect(directory).toBe(path.join(cache.packages, 'day-to-night-turbo'));
    expect(await leftovers()).toEqual([]);
    expect((await findModel({ model: 'day-to-night-turbo' })).manifest).toMatchObject({ effect: 'day-to-night' });
    expect((await listModels()).at(-1)).toMatchObject({ id: 'day-to-night-turbo', origin: 'cache' });
    const listed = (await listPublishedModels()).filter(({ pulled }) => pulled);
    expect(listed.map(({ id }) => id)).toEqual(['day-to-night-turbo']);
    // The embedded one is still what the effect means.
    expect((await findModel({ effect: 'day-to-night' })).manifest.id).toBe('day-to-night');
    expect(stages).toContain('download');
    expect(notices.join('\n')).toMatch(
      /Nobody publishes a checksum of day2night\.pkl: what came the first time was recorded/,
    );
    expect(notices.join('\n')).toMatch(/is removed; --keep-downloads keeps it/);
  });

  test('hands the compiler the files under the names that the base has', async () => {
    let seen: Parameters<PullDependencies['compile']>[0] | undefined;
    let files: readonly string[] = [];
    await pull(
      'rainy-to-clear-turbo',
      { precision: 'both', posterior: 'sample', seed: 5 },
      {
        compile: async (request) => {
          seen = request;
          files = (await readdir(request.base, { recursive: true })).sort();
          await writeTinyPackage(request);
        },
      },
    );
    expect(seen).toMatchObject({
      kind: 'cyclegan-turbo',
      prompt: 'driving in the day',
      direction: 'b2a',
      precision: ['fp32', 'fp16'],
      posterior: 'sample',
      seed: 5,
      about: { id: 'rainy-to-clear-turbo', effect: 'rainy-to-clear' },
    });
    expect(files).toContain(path.join('unet', 'diffusion_pytorch_model.safetensors'));
    expect(files).toContain(path.join('tokenizer', 'merges.txt'));
  });

  test('asked for again does nothing, unless another one is asked for', async () => {
    await pull();
    const before = server.requests.length;
    expect((await pull()).notices).toEqual(['day-to-night-turbo is there already.']);
    expect(server.requests).toHaveLength(before);
    const { directory } = await pull('day-to-night-turbo', { prompt: 'driving at dusk' });
    expect(JSON.parse(await readFile(path.join(directory, 'settings.json'), 'utf8'))).toMatchObject({
      prompt: 'driving at dusk',
    });
    expect(await leftovers()).toEqual([]);
  });

  test('shares what was kept with the next one of the same base', async () => {
    await pull('day-to-night-turbo', { keepDownloads: true });
    await pull('clear-to-rainy-turbo', { keepDownloads: true });
    expect(server.gets(unetPath)).toHaveLength(1);
    expect(server.gets(`${checkpointPath}clear2rainy.pkl`)).toHaveLength(1);
  });

  test('needs a prompt where the model has none', async () => {
    await expect(pull('edge-to-image-turbo')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^options\.prompt/) as string,
    });
    await pull('edge-to-image-turbo', { prompt: 'a cat' });
  });
});

describe('terms', () => {
  test('that are not accepted stop it before anything is fetched', async () => {
    const refused = pull('day-to-night-turbo', { acceptLicence: false });
    await expect(refused).rejects.toMatchObject({
      name: 'LicenceError',
      message: expect.stringMatching(/SD-Turbo.*https:\/\/huggingface\.co.*BDD100K/) as string,
      remedy: expect.stringMatching(/--accept-licence/) as string,
    });
    expect(server.requests).toEqual([]);
  });

  test('are shown to whoever is asked, and asked for once', async () => {
    const titles: string[] = [];
    const acceptLicence: PullOptions['acceptLicence'] = (terms) => {
      titles.push(...terms.map(({ title }) => title));
      return true;
    };
    await pull('day-to-night-turbo', { acceptLicence });
    expect(titles).toHaveLength(3);
    await pull('day-to-night-turbo', { acceptLicence, prompt: 'another' });
    expect(titles).toHaveLength(3);
  });
});

describe('what goes wrong', () => {
  test('a file that is not there is found out before the large ones come', async () => {
    server.remove(`${checkpointPath}day2night.pkl`);
    await expect(pull()).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringMatching(/^day2night\.pkl could not be fetched: .*\(404\)/) as string,
    });
    expect(server.gets(unetPath)).toEqual([]);
    expect(await readdir(cache.packages)).toEqual([]);
  });

  test('a disk without the space is found out before anything is fetched, and by all that is to come', async () => {
    server.put(`${checkpointPath}day2night.pkl`, Buffer.alloc(20_000_000));
    await expect(pull('day-to-night-turbo', {}, { freeBytes: () => Promise.resolve(1000) })).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(
        /^Pulling day-to-night-turbo takes 2\d\.\d MB in .* where 0\.0 MB are free/,
      ) as string,
    });
    expect(server.requests.filter(({ method }) => method === 'GET')).toEqual([]);
  });

  test('a file that is another one than the first time is refused, and what to do is said', async () => {
    await pull();
    const other = Buffer.from('another checkpoint');
    server.put(`${checkpointPath}day2night.pkl`, other);
    const second = pull('day-to-night-turbo', { prompt: 'another' });
    await expect(second).rejects.toMatchObject({
      code: 'checksum-mismatch',
      message: expect.stringMatching(/day2night\.pkl .* That is what it was on \d{4}-\d\d-\d\d\.$/) as string,
      remedy: expect.stringMatching(/remove .*\.json and do it again/) as string,
    });
    // The model that was there is there.
    expect((await verifyModel('day-to-night-turbo')).problem).toBeUndefined();
  });

  test('a stored file that was changed on the disk is fetched anew', async () => {
    await pull('day-to-night-turbo', { keepDownloads: true });
    for (const name of await readdir(cache.blobs)) {
      const file = path.join(cache.blobs, name);
      const bytes = await readFile(file);
      bytes[0] = (bytes[0] ?? 0) ^ 0xff;
      await writeFile(file, bytes);
    }
    await pull('day-to-night-turbo', { keepDownloads: true, prompt: 'another' });
    expect(server.gets(unetPath)).toHaveLength(2);
  });

  test('a compiler that fails leaves no model, and what was fetched', async () => {
    const compile = async ({ output }: { readonly output: string }) => {
      await writeFile(path.join(output, 'manifest.json'), '{}');
      throw new Error('no such layer');
    };
    await expect(pull('day-to-night-turbo', {}, { compile })).rejects.toThrow('no such layer');
    expect(await readdir(cache.packages)).toEqual([]);
    expect(await readdir(cache.work)).toEqual([]);
    await pull();
    expect(server.gets(unetPath)).toHaveLength(1);
  });

  test('a package that is not whole is never taken for one', async () => {
    const compile: PullDependencies['compile'] = async (request) => {
      await writeTinyPackage(request);
      await writeFile(path.join(request.output, 'model.onnx'), 'half');
    };
    await expect(pull('day-to-night-turbo', {}, { compile })).rejects.toMatchObject({ code: 'model-invalid' });
    expect(await readdir(cache.packages)).toEqual([]);
  });
});

/** Another process that pulls, its lines as they come. */
function pullElsewhere(compileMilliseconds = 0) {
  const program = fileURLToPath(new URL('programs/pull.mjs', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, cache.root, server.url, String(compileMilliseconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line) as Record<string, unknown>);
      waiting.forEach((wake) => wake());
    });
  }
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const said = async (name: string): Promise<void> => {
    while (!lines.some((line) => name in line)) {
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
    }
  };
  return { child, lines, ended, said };
}

describe('two at once', () => {
  test('the second waits, says so, and takes what the first made', async () => {
    server.bytesPerSecond = 2_000_000;
    const first = pullElsewhere(500);
    await first.said('progress');
    const { notices } = await pull('day-to-night-turbo', {}, { compile: () => Promise.reject(new Error('not again')) });
    expect(notices[0]).toMatch(
      new RegExp(`^Another process \\(${first.child.pid}\\) is pulling day-to-night-turbo: waiting`),
    );
    expect(notices.at(-1)).toBe('day-to-night-turbo is there already.');
    await first.ended;
    expect(first.lines.at(-1)).toHaveProperty('model');
    expect(server.gets(unetPath)).toHaveLength(1);
  });

  test('two models of one base fetch it once', async () => {
    const pulled = await Promise.all([
      pull('day-to-night-turbo', { keepDownloads: true }),
      pull('night-to-day-turbo', { keepDownloads: true }),
    ]);
    expect(pulled).toHaveLength(2);
    expect(server.gets(unetPath)).toHaveLength(1);
  });
});

describe('killed', () => {
  test('while fetching: the next one goes on where it stopped', async () => {
    const slow = `${checkpointPath}day2night.pkl`;
    server.bytesPerSecond = 400_000;
    const first = pullElsewhere();
    await expect.poll(() => server.gets(slow)[0]?.bytesSent ?? 0, { timeout: 30_000 }).toBeGreaterThan(100_000);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await readdir(cache.packages)).toEqual([]);
    server.bytesPerSecond = 0;
    await pull();
    const [, resumed] = server.gets(slow);
    expect(Number(/\d+/.exec(resumed?.range ?? '')?.[0])).toBeGreaterThan(0);
    expect(server.gets(`${basePath}unet/config.json`)).toHaveLength(1);
    expect((await verifyModel('day-to-night-turbo')).problem).toBeUndefined();
  });

  test('while compiling: the next one starts clean', async () => {
    const first = pullElsewhere(60_000);
    await first.said('compiling');
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await readdir(cache.packages)).toEqual([]);
    expect(await readdir(cache.work)).not.toEqual([]);
    await expect(findModel({ model: 'day-to-night-turbo' })).rejects.toMatchObject({ code: 'model-not-found' });
    await pull();
    expect(server.gets(unetPath)).toHaveLength(1);
    expect(await leftovers()).toEqual([]);
    expect((await verifyModel('day-to-night-turbo')).problem).toBeUndefined();
  });
});

describe('a model that is here', () => {
  test('is found broken when a byte of it is', async () => {
    const { directory } = await pull();
    const file = path.join(directory, 'model.onnx');
    const bytes = await readFile(file);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect((await verifyModel('day-to-night-turbo')).problem).toMatch(/model\.onnx has sha256/);
  });

  test('goes when it is removed, with its checkpoint; the base stays unless told', async () => {
    await pull('day-to-night-turbo', { keepDownloads: true });
    const stored = (await readdir(cache.blobs)).length;
    expect(await removeModel('day-to-night-turbo')).toMatchObject({ id: 'day-to-night-turbo', hadPackage: true });
    expect(await readdir(cache.packages)).toEqual([]);
    expect(await readdir(cache.blobs)).toHaveLength(stored - 1);
    expect(await removeModel('day-to-night-turbo', { downloads: true })).toMatchObject({ hadPackage: false });
    expect(await leftovers()).toEqual([]);
    await expect(removeModel('day-to-night-turbo')).rejects.toThrow('Model day-to-night-turbo is not here.');
  });

  test('is not one that came with this package, nor one of no name', async () => {
    await expect(removeModel('day-to-night')).rejects.toThrow(/comes with vid2vid-turbo/);
    await expect(removeModel('../../etc')).rejects.toMatchObject({ code: 'model-not-found' });
  });

  test('that is not pulled yet is told how to be', async () => {
    await expect(findModel({ model: 'day-to-night-turbo' })).rejects.toMatchObject({
      remedy: 'Pull it: vid2vid-turbo models pull day-to-night-turbo',
    });
    await expect(findModel({ model: 'day-to-nigth-turbo' })).rejects.toThrow(/Did you mean "day-to-night-turbo"\?/);
    await expect(findModel({ effect: 'edge-to-image' })).rejects.toMatchObject({
      remedy: 'Pull one: vid2vid-turbo models pull edge-to-image-turbo',
    });
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, describe, expect, onTestFinished, test } from 'vitest';

import { authorizeHuggingFace, mirrored, parseBaseUrl } from '../../dist/catalogue/download/address.js';
import { fetchFile, type FetchRequest } from '../../dist/catalogue/download/fetch-file.js';
import { Remote, type RemoteOptions } from '../../dist/catalogue/download/remote.js';
import { FileServer, Proxy } from '../support/file-server.js';
import { temporaryFolder } from '../support/models.js';

const content = randomBytes(600_000);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

interface Setting {
  readonly server: FileServer;
  readonly path: string;
  readonly notices: string[];
  readonly get: (more?: Partial<FetchRequest>, options?: RemoteOptions) => ReturnType<typeof fetchFile>;
}

async function setting(): Promise<Setting> {
  const server = await FileServer.start({ '/weights.bin': content });
  onTestFinished(() => server.close());
  const url = new URL('weights.bin', server.url);
  const target = path.join(await temporaryFolder(), 'weights.partial');
  const notices: string[] = [];
  return {
    server,
    path: target,
    notices,
    get: async (more = {}, options = {}) => {
      await using remote = new Remote(options);
      return await fetchFile({
        ...{ remote, url, name: 'weights.bin', path: target, expected: {}, firstWait: 5 },
        onNotice: (notice) => notices.push(notice),
        ...more,
      });
    },
  };
}

/** Stops a fetch once that much of it is there. */
async function fetchAndStop({ get }: Setting, after: number): Promise<number> {
  const stop = new AbortController();
  let there = 0;
  const stopped = get({
    signal: stop.signal,
    onProgress: (bytes) => {
      there = bytes;
      if (bytes >= after) {
        stop.abort();
      }
    },
  });
  await expect(stopped).rejects.toMatchObject({ name: 'CanceledError' });
  return there;
}

describe('a file', () => {
  test('is fetched whole, with its checksum', async () => {
    const { get, path: target } = await setting();
    const lengths: number[] = [];
    const fetched = await get({ onProgress: (bytes, total) => lengths.push(bytes, total ?? -1) });
    expect(fetched).toEqual({ bytes: content.length, sha256: sha256(content), checkedBy: 'length' });
    expect(await readFile(target)).toEqual(content);
    expect(lengths.slice(-2)).toEqual([content.length, content.length]);
  });

  test('that was stopped is gone on with: no byte is fetched twice', async () => {
    const fetching = await setting();
    fetching.server.bytesPerSecond = 5_000_000;
    const there = await fetchAndStop(fetching, 150_000);
    fetching.server.bytesPerSecond = 0;
    const { sha256: found } = await fetching.get();
    expect(found).toBe(sha256(content));
    const [, second] = fetching.server.gets('/weights.bin');
    expect(second).toMatchObject({ range: `bytes=${there}-`, bytesSent: content.length - there });
    expect(second?.ifRange).toMatch(/^"/);
    expect(await readFile(fetching.path)).toEqual(content);
  });

  test('whose connection breaks again and again is fetched all the same, as long as it gets on', async () => {
    const { server, get } = await setting();
    server.fail('/weights.bin', ...Array.from({ length: 3 }, () => ({ kind: 'break-off' as const, after: 100_000 })));
    expect((await get()).sha256).toBe(sha256(content));
    const offsets = server.gets('/weights.bin').map(({ range }) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(offsets).toHaveLength(4);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  });

  test('whose server stalls is asked for again', async () => {
    const { server, get, notices } = await setting();
    server.fail('/weights.bin', { kind: 'stall', after: 1000 });
    expect((await get({}, { stallMilliseconds: 300 })).sha256).toBe(sha256(content));
    expect(notices.join()).toMatch(/stopped sending/);
  });

  test('of a server in trouble is asked for again', async () => {
    const { server, get, notices } = await setting();
    server.fail(
      '/weights.bin',
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503, headers: { 'retry-after': '1' } },
    );
    expect((await get()).sha256).toBe(sha256(content));
    expect(notices).toHaveLength(2);
  });

  test('that a server can only send whole is begun anew', async () => {
    const fetching = await setting();
    fetching.server.bytesPerSecond = 5_000_000;
    await fetchAndStop(fetching, 100_000);
    fetching.server.bytesPerSecond = 0;
    fetching.server.ranges = false;
    expect((await fetching.get()).sha256).toBe(sha256(content));
    expect(await readFile(fetching.path)).toEqual(content);
  });

  test('that changed on the server meanwhile is begun anew, not patched together', async () => {
    const fetching = await setting();
    fetching.server.bytesPerSecond = 5_000_000;
    await fetchAndStop(fetching, 100_000);
    fetching.server.bytesPerSecond = 0;
    const other = randomBytes(500_000);
    fetching.server.put('/weights.bin', other);
    expect((await fetching.get()).sha256).toBe(sha256(other));
    expect(await readFile(fetching.path)).toEqual(other);
  });

  test('of a server that sends all at once and hangs up, as simple ones do', async () => {
    const { get } = await setting();
    const large = randomBytes(30_000_000);
    const simple = createServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.0 200 OK\r\nContent-Length: ${large.length}\r\n\r\n`);
        socket.end(large);
      });
    });
    await new Promise<void>((resolve) => simple.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void simple.close());
    const url = new URL(`http://127.0.0.1:${(simple.address() as AddressInfo).port}/`);
    expect((await get({ url })).sha256).toBe(sha256(large));
  });

  test('of which all is there already needs nothing more', async () => {
    const { server, get, path: target } = await setting();
    await get();
    const state = { origin: new URL(server.url).origin, validator: server.requests[0]?.ifRange };
    await writeFile(`${target}.json`, JSON.stringify({ ...state, validator: undefined }));
    expect((await get({ expected: { sha256: sha256(content) } })).bytes).toBe(content.length);
    expect(server.gets('/weights.bin').at(-1)?.bytesSent).toBe(0);
  });
});

describe('what is not the file', () => {
  test('is told from it by its checksum', async () => {
    const { get } = await setting();
    const wrong = get({ expected: { sha256: sha256(Buffer.from('another')) } });
    await expect(wrong).rejects.toMatchObject({ name: 'DownloadError', code: 'checksum-mismatch' });
    await expect(wrong).rejects.toThrow(/^weights\.bin from 127\.0\.0\.1:\d+ has sha256 [0-9a-f]{64}; it should have/);
  });

  test('is told from it by the checksum that the first server declared', async () => {
    const { server, get } = await setting();
    const declared = { 'x-linked-etag': `"${'0'.repeat(64)}"`, 'x-linked-size': String(content.length) };
    server.fail('/linked', { kind: 'redirect', to: '/weights.bin', headers: declared });
    await expect(get({ url: new URL('linked', server.url) })).rejects.toMatchObject({ code: 'checksum-mismatch' });
    server.fail('/linked', {
      ...{ kind: 'redirect', to: '/weights.bin' },
      headers: { ...declared, 'x-linked-etag': `"${sha256(content)}"` },
    });
    expect(await get({ url: new URL('linked', server.url) })).toMatchObject({ checkedBy: 'checksum' });
  });

  test('in its first part only is thrown away and fetched anew', async () => {
    const fetching = await setting();
    fetching.server.bytesPerSecond = 5_000_000;
    await fetchAndStop(fetching, 100_000);
    fetching.server.bytesPerSecond = 0;
    const part = await readFile(fetching.path);
    part[10] = (part[10] ?? 0) ^ 1;
    await writeFile(fetching.path, part);
    expect((await fetching.get({ expected: { sha256: sha256(content) } })).sha256).toBe(sha256(content));
    expect(fetching.notices.join()).toMatch(/does not fit; it is fetched anew/);
  });

  test('for its length, when a server cuts it', async () => {
    const { server, get } = await setting();
    server.fail('/weights.bin', { kind: 'short', bytes: 1000 });
    await expect(get({ expected: { bytes: content.length } })).rejects.toThrow(/has 1000 bytes; it should have 600000/);
  });

  test('a page that is not there', async () => {
    const { server, get } = await setting();
    await expect(get({ url: new URL('none', server.url) })).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringMatching(/has no such file \(404\)/) as string,
      remedy: expect.stringMatching(/--base-url/) as string,
    });
    expect(server.requests).toHaveLength(1);
  });

  test('a page that asks for a login', async () => {
    const { server, get } = await setting();
    server.fail('/weights.bin', { kind: 'status', status: 401 });
    await expect(get()).rejects.toMatchObject({ remedy: expect.stringMatching(/HF_TOKEN/) as string });
  });

  test('a server that is not there', async () => {
    const { server, get } = await setting();
    await server.close();
    await expect(get()).rejects.toThrow(/takes no connection/);
  });

  test('a circle of redirections', async () => {
    const { server, get } = await setting();
    server.fail(
      '/weights.bin',
      ...Array.from({ length: 20 }, () => ({ kind: 'redirect' as const, to: '/weights.bin' })),
    );
    await expect(get()).rejects.toThrow(/redirects without end/);
  });
});

test.runIf(process.platform === 'linux')('a disk that is full is told from a server in trouble', async () => {
  const { get, path: target } = await setting();
  await symlink('/dev/full', target);
  // As an attempt leaves it that got no byte.
  await writeFile(`${target}.json`, JSON.stringify({ origin: 'http://127.0.0.1' }));
  await expect(get()).rejects.toMatchObject({ name: 'OutputError', code: 'disk-full' });
});

describe('a token', () => {
  test('is for the host it is meant for, and no other that this one points to', async () => {
    const { server, get } = await setting();
    const storage = await FileServer.start({ '/storage': content });
    onTestFinished(() => storage.close());
    server.fail('/weights.bin', { kind: 'redirect', to: `${storage.url}storage` });
    const authorize = (url: URL) => (url.href.startsWith(server.url) ? 'Bearer secret' : undefined);
    await get({}, { authorize });
    expect(server.requests[0]?.authorization).toBe('Bearer secret');
    expect(storage.requests).toMatchObject([{ path: '/storage', authorization: undefined }]);
  });

  test('of Hugging Face goes to Hugging Face over TLS only', () => {
    process.env.HF_TOKEN = 'hf_secret';
    onTestFinished(() => {
      delete process.env.HF_TOKEN;
    });
    const shownTo = (url: string) => authorizeHuggingFace(new URL(url));
    expect(shownTo('https://huggingface.co/a/b')).toBe('Bearer hf_secret');
    for (const url of [
      'http://huggingface.co/a/b',
      'https://huggingface.co.example.org/a',
      'https://huggingface.co:8443/',
      'https://cdn-lfs.huggingface.co/a',
      'https://www.cs.cmu.edu/',
    ]) {
      expect(shownTo(url)).toBeUndefined();
    }
  });
});

describe('a proxy', () => {
  const variables = ['HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'] as const;
  const before = variables.map((name) => process.env[name]);
  afterEach(() => {
    variables.forEach((name, index) => {
      if (before[index] === undefined) {
        Reflect.deleteProperty(process.env, name);
      } else {
        process.env[name] = before[index];
      }
    });
  });

  test('is used where the environment names one, unless it excepts the host', async () => {
    const { server, get } = await setting();
    await using proxy = await Proxy.start();
    variables.forEach((name) => Reflect.deleteProperty(process.env, name));
    process.env.http_proxy = proxy.url;
    expect((await get()).sha256).toBe(sha256(content));
    expect(proxy.targets).toEqual([new URL(server.url).host]);
    process.env.no_proxy = '127.0.0.1';
    await get({ expected: { bytes: content.length } });
    expect(proxy.targets).toHaveLength(1);
  });
});

describe('a mirror', () => {
  test('has the paths of the source', () => {
    const at = (base: string) =>
      mirrored(new URL('https://huggingface.co/a/b/resolve/c/d.bin'), parseBaseUrl(base)).href;
    expect(at('https://mirror.example')).toBe('https://mirror.example/a/b/resolve/c/d.bin');
    expect(at('https://mirror.example/models')).toBe('https://mirror.example/models/a/b/resolve/c/d.bin');
    expect(() => parseBaseUrl('mirror')).toThrow(/options\.baseUrl: "mirror" is not the address of a mirror/);
    expect(() => parseBaseUrl('ftp://mirror')).toThrow(/options\.baseUrl/);
  });

  test('may be a folder', async () => {
    const { get } = await setting();
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'weights.bin'), content);
    const url = new URL('weights.bin', parseBaseUrl(pathToFileURL(folder).href));
    expect((await get({ url })).sha256).toBe(sha256(content));
    await expect(get({ url: new URL('none', url) })).rejects.toMatchObject({ code: 'download-failed' });
  });
});

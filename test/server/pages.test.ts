import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { serveWith } from '../../dist/server/serve-with.js';
import { ask, TestServer } from './support/server.js';

test('the page comes with headers that allow it its own scripts, its own sockets, and shared memory', async () => {
  await using server = await TestServer.start();
  const { status, headers, body } = await server.request('/', { headers: { host: 'localhost:4711' } });
  expect(status).toBe(200);
  expect(body).toContain('<title>page</title>');
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("connect-src 'self' ws://localhost:4711 wss://localhost:4711");
  expect(policy).toContain("frame-ancestors 'self'");
  expect(policy).not.toMatch(/unsafe|\*/);
  expect(headers).toMatchObject({
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
  expect(headers['permissions-policy']).toContain('camera=(self)');
  expect(headers['x-powered-by']).toBeUndefined();
});

test('what is named for its content is kept by browsers', async () => {
  await using server = await TestServer.start();
  const { headers } = await server.request('/assets/page-1234.js');
  expect(headers['cache-control']).toContain('immutable');
  expect(headers['content-type']).toContain('javascript');
});

test.each([
  ['/nothing', 404],
  ['/../../etc/passwd', 404],
  ['/%2e%2e/%2e%2e/etc/passwd', 404],
  ['/%00', 404],
  ['/%', 404],
  ['//evil.example/', 404],
  ['/live', 404],
])('%s is answered with %i', async (path, status) => {
  await using server = await TestServer.start();
  expect((await server.request(path)).status).toBe(status);
});

test('nothing is changed by other methods', async () => {
  await using server = await TestServer.start();
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    expect((await server.request('/', { method })).status).toBe(405);
  }
  expect(await server.request('/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

test('health tells of the stream and who watches; a stream that failed is not well', async () => {
  await using server = await TestServer.start();
  await server.watch();
  const well = await server.request('/healthz');
  expect(well.status).toBe(200);
  expect(JSON.parse(well.body)).toMatchObject({
    ...{ status: 'ok', viewers: 1, cameras: 0 },
    stream: { state: 'live' },
  });
  server.stream.tell({ state: 'failed', message: 'rtsp://user:secret@camera.local/key is gone.' });
  const ill = await server.request('/healthz');
  expect(ill.status).toBe(503);
  expect(ill.body).toContain('rtsp://camera.local is gone.');
  expect(ill.body).not.toMatch(/secret|key/);
});

test('figures are there for Prometheus', async () => {
  await using server = await TestServer.start();
  const page = await server.watch();
  server.stream.emit({ key: true, bytes: 5000 });
  await page.gets(1);
  const { headers, body } = await server.request('/metrics');
  expect(headers['content-type']).toContain('text/plain');
  for (const line of [
    'vid2vid_turbo_viewers 1',
    'vid2vid_turbo_fps{channel="stream"} 25',
    'vid2vid_turbo_watchers{channel="stream"} 1',
    'vid2vid_turbo_stage_seconds{channel="stream",stage="infer",quantile="0.95"} 0.009',
    'vid2vid_turbo_delay_seconds{channel="stream",quantile="0.5"} 0.04',
    'vid2vid_turbo_dropped_frames_total{channel="stream",place="generator"} 3',
  ]) {
    expect(body).toContain(line);
  }
  expect(Number(/sent_bytes_total (\d+)/.exec(body)?.[1])).toBeGreaterThan(5000);
  expect(body).toMatch(/event_loop_delay_seconds\{quantile="0.99"\} \d/);
});

test('without the built page it says what to do', async () => {
  const clientDirectory = mkdtempSync(join(tmpdir(), 'vid2vid-turbo-no-page-'));
  const log: string[] = [];
  const server = await serveWith(
    { port: 0, onLog: (line) => log.push(line) },
    { clientDirectory, openTranslation: () => Promise.reject(new Error('not asked for')) },
  );
  const { status, body } = await ask(server.port, '/');
  await server.close();
  rmSync(clientDirectory, { recursive: true });
  expect(status).toBe(503);
  expect(body).toContain('npm run build');
  expect(log.join('')).toContain('npm run build');
});

test('a port that is taken is told, with what to do', async () => {
  await using server = await TestServer.start();
  await expect(TestServer.start({ port: server.server.port })).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringContaining(String(server.server.port)) as string,
    remedy: expect.stringContaining('--port') as string,
  });
});

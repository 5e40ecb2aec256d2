import { connect } from 'node:net';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { mediaHeaderBytes } from '../../dist/server/protocol.js';
import { attack } from './support/attack.js';
import { nearlyValidMessage, randomMessage, validMessages } from './support/hostile-messages.js';
import { TestServer } from './support/server.js';

const seed = 5;

test.each([
  ['1,000 random messages', randomMessage],
  ['1,000 nearly valid messages', nearlyValidMessage],
])('%s: the socket is closed with a reason, and nothing else happens', { timeout: 60_000 }, async (_, arbitrary) => {
  await using server = await TestServer.start();
  const watching = await server.watch();
  const ends = await attack(fc.sample<string | Uint8Array>(arbitrary, { numRuns: 1000, seed }), (sent) =>
    sent % 2 === 0 ? server.join() : server.connect(),
  );
  expect(ends.length).toBeGreaterThan(100);
  for (const { code, reason } of ends) {
    expect([1007, 1008, 1009]).toContain(code);
    expect(reason).toMatch(/^[a-z-]+$/);
  }
  // Who watched meanwhile noticed nothing, and nothing is left.
  server.stream.emit({ key: true });
  await watching.gets(1);
  await expect.poll(async () => (await server.request('/metrics')).body).toContain('vid2vid_turbo_viewers 1\n');
  expect((await server.request('/metrics')).body).toContain('vid2vid_turbo_cameras 0\n');
  expect(server.log.filter((line) => line.includes('fault of the server'))).toEqual([]);
});

test.each([
  ['JSON that is none', '{"type":', 1008, 'malformed'],
  ['a type that there is not', '{"type":"shutdown"}', 1008, 'malformed'],
  ['a second hello', JSON.stringify(validMessages[0]), 1008, 'malformed'],
  ['a long text', JSON.stringify({ type: 'effect', id: 'x'.repeat(20_000) }), 1009, 'too-large'],
  ['a picture of nothing', new Uint8Array(mediaHeaderBytes), 1008, undefined],
] as const)('%s', async (_, message, code, reason) => {
  await using server = await TestServer.start();
  const page = await server.join();
  page.send({ type: 'camera-start', codec: 'jpeg', width: 640, height: 360, frameRate: 30 });
  await page.next('credit');
  page.socket.send(message);
  const error = await page.next('error');
  expect(error.message).not.toBe('');
  expect(await page.closed).toEqual({ code, reason: reason ?? 'malformed' });
});

test('a message of any size is cut off at the limit', async () => {
  await using server = await TestServer.start();
  const page = await server.join();
  page.socket.send(new Uint8Array(8 * 1024 * 1024));
  expect((await page.closed).code).toBe(1009);
});

test('a flood is ended', async () => {
  await using server = await TestServer.start();
  const page = await server.join();
  for (let index = 0; index < 200; index++) {
    page.send({ type: 'key-request' });
  }
  expect(await page.closed).toEqual({ code: 1008, reason: 'rate-exceeded' });
  const pictures = await server.join();
  for (let index = 0; index < 200; index++) {
    pictures.socket.send(new Uint8Array(100));
  }
  expect(await pictures.closed).toEqual({ code: 1008, reason: 'rate-exceeded' });
});

test('a version that is not spoken is named beside the one that is', async () => {
  await using server = await TestServer.start();
  const page = await server.connect();
  page.hello(99);
  expect(await page.next('error')).toMatchObject({
    code: 'version-unsupported',
    message: expect.stringMatching(/99.*1/) as string,
  });
  expect((await page.closed).code).toBe(1008);
});

test('a message before hello is not taken', async () => {
  await using server = await TestServer.start();
  const page = await server.connect();
  page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  expect(await page.closed).toEqual({ code: 1008, reason: 'hello-missing' });
});

test.each([
  'GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
  'GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001',
  'POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n',
])('bytes that are no proper request bring nothing down: %j', async (bytes) => {
  await using server = await TestServer.start();
  const socket = connect(server.server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(bytes, 'latin1');
  await new Promise((resolve) => {
    socket.once('data', resolve);
    socket.once('close', resolve);
  });
  socket.destroy();
  expect((await server.request('/healthz')).status).toBe(200);
});

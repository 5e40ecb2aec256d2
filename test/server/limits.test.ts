import { describe, expect, test } from 'vitest';

import { freePort } from '../support/free-port.js';
import { TestServer } from './support/server.js';
import { TestPage } from './support/test-page.js';

describe('limits and ends', () => {
  test('one viewer too many is told so', async () => {
    await using server = await TestServer.start({ maxViewers: 2 });
    await server.join();
    const second = await server.join();
    const third = await server.connect();
    expect(await third.next('error')).toMatchObject({ code: 'viewers-limit' });
    expect(await third.closed).toEqual({ code: 1013, reason: 'viewers-limit' });
    second.terminate();
    await expect.poll(async () => (await server.request('/metrics')).body).toContain('vid2vid_turbo_viewers 1\n');
    await server.join();
  });

  test('a page that comes while the source is being opened is told so, and may come again', async () => {
    const port = await freePort();
    let open: () => void = () => undefined;
    const starting = TestServer.start({ port }, new Promise((resolve) => (open = resolve)));
    await expect
      .poll(() => TestPage.connect(port).then((page) => page.next('error')))
      .toMatchObject({
        code: 'server-starting',
      });
    const page = await TestPage.connect(port);
    expect(await page.closed).toEqual({ code: 1013, reason: 'server-starting' });
    open();
    await using server = await starting;
    await server.join();
  });

  test('with nobody watching nothing is translated after a while, unless there is an output', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    expect(server.stream.asked.at(-1)).not.toBe('pause');
    page.terminate();
    await expect.poll(() => server.stream.asked.at(-1), { timeout: 10_000 }).toBe('pause');
    await server.watch();
    expect(server.stream.asked).toContain('resume');
    expect(server.stream.asked.at(-1)).not.toBe('pause');
  });

  test('a server that is closed tells its viewers, and closes what it opened', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    page.messages.length = 0;
    const silent = await server.connect();
    await server.server.close();
    await page.closed;
    expect(page.messages).toContainEqual(expect.objectContaining({ type: 'status', state: 'ended' }));
    expect(server.stream.asked.at(-1)).toBe('close');
    expect(await silent.closed).toBeDefined();
  });

  test('pages are told to come again', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    await server.server.close();
    expect(await page.closed).toEqual({ code: 1001, reason: 'server-stopped' });
  });
});

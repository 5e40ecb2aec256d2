import { describe, expect, test } from 'vitest';

import { networkOf } from '../../dist/server/attempts.js';
import { TestServer } from './support/server.js';

const token = 'correct-horse-battery';

describe('where other machines can reach it', () => {
  test('it refuses to start without a token', async () => {
    await expect(TestServer.start({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'usage',
      remedy: expect.stringContaining('--token') as string,
    });
  });

  test('it starts with a token, or when told that everybody may watch', async () => {
    await using withToken = await TestServer.start({ host: '0.0.0.0', token });
    expect((await withToken.request('/')).status).toBe(401);
    expect(
      withToken.log.filter((line) => line.includes('the token and the pictures travel in the clear')),
    ).toHaveLength(1);
    await using open = await TestServer.start({ host: '0.0.0.0', insecure: true });
    expect((await open.request('/', { headers: { host: 'any.example' } })).status).toBe(200);
    await using onlyHere = await TestServer.start({ token });
    expect(`${open.log.join('')}${onlyHere.log.join('')}`).not.toContain('in the clear');
  });
});

describe('with a token', () => {
  test('page, figures and socket want it; it is taken from a header', async () => {
    await using server = await TestServer.start({ token });
    for (const path of ['/', '/metrics', '/assets/page-1234.js']) {
      expect((await server.request(path)).status).toBe(401);
      expect((await server.request(path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    }
    await expect(server.connect()).rejects.toThrow('401');
    await expect(server.connect({ headers: { authorization: 'Bearer wrong-token' } })).rejects.toThrow('401');
    await server.join({ headers: { authorization: `Bearer ${token}` } });
  });

  test('a form takes it and gives a cookie that opens all doors, and from which the token can not be told', async () => {
    await using server = await TestServer.start({ token });
    const form = await server.request('/?clean=1', { headers: { accept: 'text/html' } });
    expect(form.body).toContain('value="/?clean=1"');
    const body = new URLSearchParams({ token, next: '/?clean=1' }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
    const entered = await server.request('/login', { method: 'POST', body, headers });
    expect(entered).toMatchObject({ status: 303, headers: { location: '/?clean=1' } });
    const [setCookie = ''] = entered.headers['set-cookie'] ?? [];
    expect(setCookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(setCookie).not.toContain(token);
    const [cookie = ''] = setCookie.split(';');
    expect((await server.request('/', { headers: { cookie } })).status).toBe(200);
    await server.join({ headers: { cookie } });
    await expect(server.connect({ headers: { cookie: `${cookie.slice(0, -2)}xx` } })).rejects.toThrow('401');
  });

  test('an address with it is exchanged for one without', async () => {
    await using server = await TestServer.start({ token });
    const answer = await server.request(`/?clean=1&token=${token}`);
    expect(answer).toMatchObject({ status: 303, headers: { location: '/?clean=1' } });
    expect(answer.headers['set-cookie']).toHaveLength(1);
    expect((await server.request('/?token=wrong-token')).status).toBe(401);
  });

  test.each(['https://evil.example/', '//evil.example/', '/.//evil.example', '/\\evil.example', 'javascript:alert(1)'])(
    'the form leads nowhere else: %s',
    async (next) => {
      await using server = await TestServer.start({ token });
      const body = new URLSearchParams({ token, next }).toString();
      const answer = await server.request('/login', {
        method: 'POST',
        body,
        headers: { 'content-length': body.length },
      });
      expect(answer.headers.location).toMatch(/^\/(?!\/)/);
    },
  );

  test('wrong ones can not be tried at will, and it is never logged', async () => {
    await using server = await TestServer.start({ token });
    const start = performance.now();
    const tries = Array.from({ length: 60 }, async () => (await server.request('/?token=wrong-token')).status);
    const statuses = await Promise.all(tries);
    const judged = statuses.filter((status) => status === 401).length;
    expect(statuses.filter((status) => status === 429)).toHaveLength(statuses.length - judged);
    // Twenty at once, and one more for each second that a busy machine takes over them.
    expect(judged).toBeGreaterThanOrEqual(20);
    expect(judged).toBeLessThanOrEqual(20 + Math.ceil((performance.now() - start) / 1000));
    // Not even the right one, while others are being tried from there.
    const amongWrongOnes = Array.from({ length: 20 }, (_, index) => (index === 19 ? token : 'wrong-token'));
    const answers = await Promise.all(amongWrongOnes.map((given) => server.request(`/?token=${given}`)));
    expect(answers.at(-1)?.status).toBe(429);
    await server.connect({ headers: { authorization: `Bearer ${token}` } }).catch(() => undefined);
    expect(server.log.join('')).not.toContain(token);
    expect(server.log.join('')).not.toContain('wrong-token');
  });

  // macOS has no second loopback address unless it is given one.
  test.skipIf(process.platform === 'darwin')(
    'who tries wrong ones locks out nobody who comes from elsewhere',
    async () => {
      await using server = await TestServer.start({ token });
      const from = (localAddress: string, given: string) => server.request(`/?token=${given}`, { localAddress });
      const tries = await Promise.all(
        Array.from({ length: 60 }, async () => (await from('127.0.0.2', 'wrong-token')).status),
      );
      expect(tries).toContain(429);
      expect((await from('127.0.0.1', token)).status).toBe(303);
      expect((await from('127.0.0.1', 'wrong-token')).status).toBe(401);
    },
  );

  test.each([
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::3:4:5:6:7', '2001:db8:0:3'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
    ['::1', '0:0:0:0'],
  ])('tries from %s are those of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test('whether the server is well can be asked without it, and no more', async () => {
    await using server = await TestServer.start({ token });
    expect(JSON.parse((await server.request('/healthz')).body)).toEqual({ status: 'ok' });
  });

  test('a short one is refused', async () => {
    await expect(TestServer.start({ token: 'short' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('pages of others', () => {
  test('a page from elsewhere may not open the socket, one that was allowed may', async () => {
    await using server = await TestServer.start({ allowOrigin: ['https://studio.example'] });
    await expect(server.connect({ headers: { origin: 'https://evil.example' } })).rejects.toThrow('403');
    await expect(server.connect({ headers: { origin: 'null' } })).rejects.toThrow('403');
    const port = server.server.port;
    await expect(server.connect({ headers: { origin: `http://127.0.0.1:${port + 1}` } })).rejects.toThrow('403');
    await server.join({ headers: { origin: `http://127.0.0.1:${port}` } });
    await server.join({ headers: { origin: 'https://studio.example' } });
    // What is no browser says nothing of where it comes from.
    await server.join();
    expect((await server.request('/metrics')).body).toContain(
      'vid2vid_turbo_rejected_handshakes_total{reason="origin"} 3',
    );
  });

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'a@127.0.0.1'])(
    'a name that points here, but is not ours, gets nothing: "%s"',
    async (host) => {
      await using server = await TestServer.start();
      expect([400, 421]).toContain((await server.request('/', { headers: { host } })).status);
      await expect(server.connect({ headers: { host } })).rejects.toThrow(/421|400/);
    },
  );

  test.each(['localhost:8080', '127.0.0.1', '[::1]:1234', 'app.localhost'])(
    'this machine is ours: %s',
    async (host) => {
      await using server = await TestServer.start();
      expect((await server.request('/', { headers: { host } })).status).toBe(200);
    },
  );
});

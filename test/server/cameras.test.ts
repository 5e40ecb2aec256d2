import { afterEach, describe, expect, test, vi } from 'vitest';

import { encodeMediaMessage, type MediaHeader } from '../../dist/server/protocol.js';
import { TestServer } from './support/server.js';
import type { PageOptions, TestPage } from './support/test-page.js';

const start = { type: 'camera-start', codec: 'h264', width: 640, height: 360, frameRate: 30 } as const;

/** Sends a camera's picture. */
function show(page: TestPage, index: number, header: Partial<MediaHeader> = {}): void {
  const message = encodeMediaMessage(
    {
      ...{ codec: 'h264', track: 'source', key: index === 0, discontinuity: false, sequence: index },
      ...{ timestampMicroseconds: index * 33_333, captureTimeMilliseconds: 1000 + index, width: 640, height: 360 },
      ...header,
    },
    new Uint8Array([index]),
  );
  page.socket.send(message);
}

/** A page whose camera is on, with its first credit. */
async function camera(server: TestServer, room?: string, options?: PageOptions) {
  const page = await server.join(options);
  page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  page.send({ ...start, ...(room === undefined ? {} : { room }) });
  expect(await page.next('credit')).toEqual({ type: 'credit', frames: 2 });
  const translation = server.translations.at(-1);
  if (translation === undefined) {
    throw new Error('no translation was opened');
  }
  return { page, translation };
}

const noStream = { source: undefined };

afterEach(() => vi.useRealTimers());

describe("a page's camera", () => {
  test('has a translation of its own, fed with its pictures as they came', async () => {
    await using server = await TestServer.start(noStream);
    const { page, translation } = await camera(server);
    expect(translation.options.source).toEqual({ kind: 'pushed', codec: 'h264', width: 640, height: 360 });
    show(page, 0);
    await page.settle();
    expect(translation.pushed).toHaveLength(1);
    expect(translation.pushed[0]).toMatchObject({ key: true, timestampMicroseconds: 0, captureTimeMilliseconds: 1000 });
    expect(translation.pushed[0]?.data).toEqual(new Uint8Array([0]));
    translation.emit({ key: true, captureTimeMilliseconds: 1000 });
    await page.gets(1);
    expect(page.pictures[0]?.header.captureTimeMilliseconds).toBe(1000);
  });

  test('is paced by credit: given back when a picture is done with, or was not taken', async () => {
    await using server = await TestServer.start(noStream);
    const { page, translation } = await camera(server);
    show(page, 0);
    show(page, 1);
    translation.options.onCredit?.(1);
    expect(await page.next('credit')).toEqual({ type: 'credit', frames: 1 });
    translation.accepts = false;
    show(page, 2);
    expect(await page.next('credit')).toEqual({ type: 'credit', frames: 1 });
    translation.options.onKeyFrameNeeded?.();
    await page.next('key-request');
  });

  test.each([
    ['without credit', 'credit-exceeded', (page: TestPage) => [0, 1, 2].forEach((index) => show(page, index))],
    ['of another size', 'camera-mismatch', (page: TestPage) => show(page, 0, { width: 1280 })],
    ['of another codec', 'camera-mismatch', (page: TestPage) => show(page, 0, { codec: 'jpeg' })],
    ['that goes back in time', 'camera-mismatch', (page: TestPage) => [1, 0].forEach((index) => show(page, index))],
  ])('a picture %s ends the socket, and its camera', async (_, code, send) => {
    await using server = await TestServer.start(noStream);
    const { page, translation } = await camera(server);
    send(page);
    expect(await page.next('error')).toMatchObject({ code });
    expect(await page.closed).toEqual({ code: 1008, reason: code });
    await expect.poll(() => translation.asked).toContain('close');
  });

  test('two pages never see the other one', async () => {
    await using server = await TestServer.start();
    const [one, two] = [await camera(server), await camera(server)];
    const watching = await server.watch();
    for (let index = 0; index < 5; index++) {
      one.translation.emit({ key: true, bytes: 11 });
      two.translation.emit({ key: true, bytes: 22 });
      server.stream.emit({ key: true, bytes: 33 });
    }
    for (const [page, bytes] of [
      [one.page, 11],
      [two.page, 22],
      [watching, 33],
    ] as const) {
      await page.gets(5);
      await page.settle();
      expect(page.pictures.map(({ payload }) => payload.byteLength)).toEqual([bytes, bytes, bytes, bytes, bytes]);
    }
  });

  test('can be shared by a name; who watches that room sees it come and go, and can not change its effect', async () => {
    await using server = await TestServer.start(noStream);
    const guest = await server.watch({ room: 'studio' });
    const host = await camera(server, 'studio');
    expect(await guest.next('effect')).toMatchObject({ maySetEffect: false });
    host.translation.emit({ key: true });
    await Promise.all([guest.gets(1), host.page.gets(1)]);
    guest.send({ type: 'strength', value: 0 });
    expect(await guest.next('refused')).toMatchObject({ code: 'effect-locked' });
    host.page.send({ type: 'strength', value: 0 });
    expect(await guest.next('effect')).toMatchObject({ strength: 0 });
    const elsewhere = await server.watch({ room: 'kitchen' });
    guest.messages.length = 0;
    host.page.terminate();
    expect(await guest.next('status')).toMatchObject({ state: 'ended' });
    await elsewhere.settle();
    expect(elsewhere.pictures).toEqual([]);
    await camera(server, 'studio');
    expect(await guest.next('status')).toMatchObject({ state: 'live' });
  });

  test('a room has one camera', async () => {
    await using server = await TestServer.start(noStream);
    await camera(server, 'studio');
    const page = await server.join();
    page.send({ ...start, room: 'studio' });
    expect(await page.next('refused')).toMatchObject({ request: 'camera-start', code: 'room-taken' });
  });

  test('of two that come into a room at once, one is refused', async () => {
    let open: () => void = () => undefined;
    await using server = await TestServer.start(noStream, new Promise((resolve) => (open = resolve)));
    const pages = [await server.join(), await server.join()];
    pages.forEach((page) => page.send({ ...start, room: 'studio' }));
    await Promise.all(pages.map((page) => page.settle()));
    open();
    const answers = await Promise.all(pages.map((page) => Promise.race([page.next('credit'), page.next('refused')])));
    expect(answers.map(({ type }) => type).sort()).toEqual(['credit', 'refused']);
  });

  test('that has vanished gives its room to the page that comes back, while a silent viewer may stay', async () => {
    await using server = await TestServer.start(noStream);
    vi.useFakeTimers({ toFake: ['performance'] });
    const { page } = await camera(server, 'studio', { mute: true });
    const viewer = await server.join({ mute: true });
    vi.advanceTimersByTime(16_000);
    expect((await page.closed).code).toBe(1006);
    await camera(server, 'studio');
    await viewer.settle();
  });

  test('a flood of pictures that are of no use ends the socket', async () => {
    await using server = await TestServer.start(noStream);
    const { page, translation } = await camera(server);
    translation.accepts = false;
    for (let index = 0; index < 200; index++) {
      show(page, index);
    }
    expect(await page.closed).toEqual({ code: 1008, reason: 'rate-exceeded' });
  });

  test('one too many is refused, and can come when another has gone', async () => {
    await using server = await TestServer.start({ ...noStream, maxCameras: 1 });
    const first = await camera(server);
    const page = await server.join();
    page.send(start);
    expect(await page.next('refused')).toMatchObject({ request: 'camera-start', code: 'cameras-limit' });
    first.page.terminate();
    await expect.poll(() => first.translation.asked).toContain('close');
    page.send(start);
    await page.next('credit');
  });

  test('is off when asked, and the stream is watched again; what was on its way is no offence', async () => {
    await using server = await TestServer.start();
    const { page, translation } = await camera(server);
    show(page, 0);
    page.send({ type: 'camera-stop' });
    show(page, 1);
    await expect.poll(() => translation.asked).toContain('close');
    server.stream.emit({ key: true, bytes: 7 });
    await page.gets(1);
    expect(page.pictures[0]?.payload.byteLength).toBe(7);
  });

  test('a second start takes the place of the first', async () => {
    await using server = await TestServer.start(noStream);
    const { page, translation } = await camera(server);
    page.send({ ...start, width: 1280, height: 720 });
    await page.next('credit');
    expect(translation.asked).toContain('close');
    expect(server.translations).toHaveLength(2);
    show(page, 0, { width: 1280, height: 720 });
    await page.settle();
    expect(server.translations[1]?.pushed).toHaveLength(1);
  });

  test('pages that go while their camera is being opened leave nothing behind', async () => {
    await using server = await TestServer.start(noStream);
    for (let index = 0; index < 10; index++) {
      const page = await server.join();
      page.send(start);
      page.send({ type: 'camera-stop' });
      page.send(start);
      page.terminate();
    }
    await expect
      .poll(async () => (await server.request('/metrics')).body)
      .toMatch(/vid2vid_turbo_viewers 0\n[^]*vid2vid_turbo_cameras 0\n/);
    for (const translation of server.translations) {
      expect(translation.asked).toContain('close');
    }
  });

  test('none where none are allowed', async () => {
    await using server = await TestServer.start({ maxCameras: 0 });
    const page = await server.connect();
    page.hello();
    expect((await page.next('welcome')).limits.cameras).toBe(0);
    page.send(start);
    expect(await page.next('refused')).toMatchObject({ code: 'cameras-limit' });
  });
});

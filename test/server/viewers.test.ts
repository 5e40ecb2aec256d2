import { describe, expect, test } from 'vitest';

import { TestServer } from './support/server.js';
import type { TestPage } from './support/test-page.js';

const sequences = (page: TestPage) => page.pictures.map(({ header }) => header.sequence);

/** Has a page read nothing more; the server's writes pile up. */
function stopReading(page: TestPage): void {
  page.socket.pause();
}

describe('who watches', () => {
  test('is told what there is', async () => {
    await using server = await TestServer.start({ source: 'rtsp://user:secret@camera.local/key', strength: 0.5 });
    const page = await server.connect();
    page.hello();
    const welcome = await page.next('welcome');
    expect(welcome).toMatchObject({
      version: 1,
      source: { kind: 'url', title: 'rtsp://camera.local' },
      ...{ effect: 'day-to-night', strength: 0.5, maySetEffect: true },
      limits: { cameras: 4, cameraCredit: 2 },
    });
    const effect = welcome.effects.find(({ id }) => id === 'day-to-night');
    expect(effect?.conditions).toContain('strength');
    expect(effect?.title).not.toBe('');
    page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
    expect(await page.next('status')).toMatchObject({ state: 'live' });
    expect(await page.next('effect')).toMatchObject({ id: 'day-to-night', strength: 0.5, maySetEffect: true });
    expect(await page.next('stream')).toMatchObject({ track: 'translated', codec: 'avc1.42C01E', width: 640 });
    expect(await page.next('statistics')).toMatchObject({
      ...{ fps: 25, viewers: 1, delay: { p50: 40, p95: 60 } },
      dropped: { beforeGenerator: 3, beforeEncoder: 3, viewer: 0 },
    });
  });

  test('gets pictures with their times, as they were coded', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    server.stream.emit({
      key: true,
      discontinuity: true,
      timestampMicroseconds: 40_000,
      captureTimeMilliseconds: 12.5,
    });
    await page.gets(1);
    expect(page.pictures[0]?.header).toEqual({
      ...{ codec: 'h264', track: 'translated', key: true, discontinuity: true, catchUp: false, sequence: 0 },
      ...{ timestampMicroseconds: 40_000, captureTimeMilliseconds: 12.5, width: 640, height: 360 },
    });
    expect(page.pictures[0]?.payload).toEqual(new Uint8Array(1000));
  });

  test('gets the tracks it asked for, in the form it asked for; what nobody wants is not made', async () => {
    await using server = await TestServer.start();
    const { stream } = server;
    expect(stream.tracks).toMatchObject({ translated: { h264: false, jpeg: false } });
    const both = await server.watch({ tracks: ['translated', 'source'] });
    const pictures = await server.watch({ codec: 'jpeg' });
    expect(stream.tracks).toEqual({ translated: { h264: true, jpeg: true }, source: { h264: true, jpeg: false } });
    stream.emit({ key: true });
    stream.emit({ key: true, track: 'source' });
    stream.emit({ key: true, codec: 'jpeg' });
    await both.gets(2);
    await pictures.gets(1);
    await Promise.all([both.settle(), pictures.settle()]);
    expect(both.pictures.map(({ header }) => header.track)).toEqual(['translated', 'source']);
    expect(pictures.pictures.map(({ header }) => header.codec)).toEqual(['jpeg']);
    both.terminate();
    pictures.terminate();
    await expect.poll(() => stream.tracks.translated?.jpeg).toBe(false);
  });

  test('starts at once from the last key picture; those on the way to the newest are marked', async () => {
    await using server = await TestServer.start();
    const { stream } = server;
    const first = await server.watch();
    for (const key of [true, false, true, false, false]) {
      stream.emit({ key });
    }
    await first.gets(5);
    const late = await server.watch();
    stream.emit();
    await late.gets(4);
    expect(sequences(late)).toEqual([2, 3, 4, 5]);
    expect(late.pictures.map(({ header }) => header.catchUp)).toEqual([true, true, false, false]);
    expect(late.pictures.map(({ header }) => header.discontinuity)).toEqual([true, false, false, false]);
    await first.gets(6);
    expect(first.pictures.some(({ header }) => header.catchUp === true)).toBe(false);
  });

  test('who comes first waits for a key picture, which is asked for', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    expect(server.stream.asked).toContain('key');
    server.stream.emit();
    server.stream.emit({ key: true });
    await page.gets(1);
    expect(sequences(page)).toEqual([1]);
  });

  test('a group of pictures without end is not kept: who joins waits for a key, and memory stays', async () => {
    await using server = await TestServer.start();
    const { stream } = server;
    const first = await server.watch();
    stream.emit({ key: true });
    for (let index = 0; index < 400; index++) {
      stream.emit();
    }
    await first.gets(401);
    const late = await server.watch();
    stream.emit({ key: true });
    await late.gets(1);
    expect(sequences(late)).toEqual([401]);
  });

  test('pauses and plays on from a key picture', async () => {
    await using server = await TestServer.start();
    const { stream } = server;
    const page = await server.watch();
    const other = await server.watch();
    stream.emit({ key: true });
    await page.gets(1);
    page.send({ type: 'pause' });
    await page.settle();
    stream.emit();
    stream.emit({ key: true });
    stream.emit();
    await other.gets(4);
    await page.settle();
    expect(sequences(page)).toEqual([0]);
    page.send({ type: 'play' });
    await page.gets(3);
    expect(sequences(page)).toEqual([0, 2, 3]);
  });

  test('a decoder that lost its way begins again at once', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    server.stream.emit({ key: true });
    server.stream.emit();
    await page.gets(2);
    page.send({ type: 'key-request' });
    await page.gets(4);
    expect(sequences(page)).toEqual([0, 1, 0, 1]);
    expect(page.pictures[2]?.header).toMatchObject({ key: true, discontinuity: true, catchUp: true });
  });

  test('what the stream does is told to all', async () => {
    await using server = await TestServer.start();
    const pages = [await server.watch(), await server.watch()];
    pages.forEach((page) => (page.messages.length = 0));
    server.stream.tell({ state: 'reconnecting', message: 'http://u:p@cam.local/x is gone.', remedy: 'Look at it.' });
    for (const page of pages) {
      const status = await page.next('status');
      expect(status).toEqual({
        ...{ type: 'status', state: 'reconnecting' },
        ...{ message: 'http://cam.local is gone.', remedy: 'Look at it.' },
      });
    }
  });
});

describe('a slow viewer', () => {
  test('is skipped to a key picture and slows nobody', async () => {
    await using server = await TestServer.start();
    const { stream } = server;
    const slow = await server.watch();
    const quick = await server.watch();
    stopReading(slow);
    // Far more than all buffers between the two hold.
    for (let index = 0; index < 300; index++) {
      stream.emit({ key: index % 50 === 0, bytes: 100_000 });
      await quick.gets(index + 1);
    }
    expect(quick.pictures).toHaveLength(300);
    slow.socket.resume();
    await slow.settle();
    const got = slow.pictures.length;
    expect(got).toBeLessThan(300);
    // Not the next one, but the next key.
    stream.emit({ bytes: 1000 });
    stream.emit({ key: true, bytes: 1000 });
    stream.emit({ bytes: 1000 });
    await slow.until(() => sequences(slow).includes(302), 'the picture after the key');
    expect(sequences(slow).slice(got)).toEqual([301, 302]);
    const { body } = await server.request('/metrics');
    expect(Number(/dropped_for_viewers_total (\d+)/.exec(body)?.[1])).toBe(300 - got + 1);
  });

  test('who answers no more is sent nothing, even where the system would take it all', async () => {
    await using server = await TestServer.start();
    const mute = await server.connect({ mute: true });
    mute.hello();
    mute.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
    await mute.next('effect');
    server.stream.emit({ key: true });
    await mute.gets(1);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    server.stream.emit();
    await mute.settle();
    expect(mute.pictures).toHaveLength(1);
  });
});

describe('the effect', () => {
  test('is changed for all who watch, when its model is there', async () => {
    await using server = await TestServer.start();
    const [one, two] = [await server.watch(), await server.watch()];
    let loaded: () => void = () => undefined;
    server.stream.load = () => new Promise((resolve) => (loaded = resolve));
    const welcome = await server.connect();
    welcome.hello();
    const [effect = { id: '' }] = (await welcome.next('welcome')).effects;
    one.messages.length = two.messages.length = 0;
    one.send({ type: 'effect', id: effect.id });
    await one.settle();
    expect(one.messages.some(({ type }) => type === 'effect')).toBe(false);
    loaded();
    expect(await two.next('effect')).toMatchObject({ id: effect.id });
    two.send({ type: 'strength', value: 0.25 });
    expect(await two.next('effect')).toMatchObject({ strength: 0.25 });
    await one.next('effect');
    expect(await one.next('effect')).toMatchObject({ strength: 0.25 });
  });

  test('while one is being loaded, only the last that was asked for waits', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    let loaded: () => void = () => undefined;
    server.stream.load = () => new Promise((resolve) => (loaded = resolve));
    for (let index = 0; index < 3; index++) {
      page.send({ type: 'effect', id: 'day-to-night' });
    }
    expect(await page.next('refused')).toMatchObject({ request: 'effect', code: 'canceled' });
    await page.settle();
    loaded();
    await expect.poll(() => server.stream.asked.filter((one) => one.startsWith('effect'))).toHaveLength(2);
    loaded();
    await page.settle();
  });

  test('one that there is not is refused, and all goes on', async () => {
    await using server = await TestServer.start();
    const page = await server.watch();
    page.send({ type: 'effect', id: 'day-to-mars' });
    expect(await page.next('refused')).toMatchObject({ request: 'effect', code: 'effect-unknown' });
    server.stream.emit({ key: true });
    await page.gets(1);
  });

  test('can be locked', async () => {
    await using server = await TestServer.start({ lockEffect: true });
    const page = await server.join();
    page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
    expect(await page.next('effect')).toMatchObject({ maySetEffect: false });
    page.send({ type: 'strength', value: 0 });
    expect(await page.next('refused')).toMatchObject({ request: 'strength', code: 'effect-locked' });
    expect(server.stream.strength).toBe(1);
  });
});

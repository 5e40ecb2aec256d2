import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';

import type { MediaUnit } from '../../dist/server/media-unit.js';
import type { ServerMessage } from '../../dist/server/protocol.js';
import { Viewer } from '../../dist/server/viewer.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance', 'Date'] }));
afterEach(() => vi.useRealTimers());

/** A viewer whose answers come when the test says so: only the clock is not real. */
function setUp() {
  const sent: (string | Uint8Array)[] = [];
  const socket = {
    /** Whether nothing is read of what is sent. */
    isStuck: false,
    bufferedAmount: 0,
    send: (data: string | Uint8Array) => {
      sent.push(data);
      socket.bufferedAmount += socket.isStuck ? data.length : 0;
    },
  };
  const unit = (key: boolean, bytes: number) =>
    ({ track: 'translated', codec: 'h264', key, message: new Uint8Array(bytes) }) as unknown as MediaUnit;
  const viewer = new Viewer(socket as unknown as WebSocket);
  viewer.want({ tracks: ['translated'], codec: 'h264' });
  const deliver = (key: boolean) => viewer.deliver(unit(key, 100));
  const pings = () =>
    sent
      .filter((data) => typeof data === 'string')
      .map((text) => JSON.parse(text) as ServerMessage)
      .flatMap((message) => (message.type === 'ping' ? [message.serverTime] : []));
  const pictures = () => sent.filter((data) => typeof data !== 'string').length;
  return { viewer, socket, sent, unit, deliver, pings, pictures };
}

test('who reads at a tenth of the pace stays, is spared pictures, and goes on at a key', () => {
  const { viewer, deliver, pings, pictures } = setUp();
  expect(viewer.ping()).toBe(true);
  deliver(true);
  for (let second = 0; second < 25; second++) {
    vi.advanceTimersByTime(1000);
    expect(viewer.ping()).toBe(true);
    deliver(false);
  }
  // Those of the first two seconds, in which it might only have been far away.
  expect(pictures()).toBe(3);
  expect(viewer.dropped).toBe(23);
  viewer.answered(pings().at(-1) ?? 0);
  deliver(false);
  expect(pictures()).toBe(3);
  deliver(true);
  deliver(false);
  expect(pictures()).toBe(5);
});

test('who asks to begin again and again without reading is not sent group upon group', () => {
  const { viewer, socket, unit, sent } = setUp();
  socket.isStuck = true;
  const group = [unit(true, 50_000), unit(false, 50_000)];
  for (let time = 0; time < 200; time++) {
    viewer.begin('translated', group);
  }
  expect(sent.length).toBeGreaterThan(2);
  expect(socket.bufferedAmount).toBeLessThan(1.5 * 2 ** 20);
  // Having read, it goes on at a key.
  socket.bufferedAmount = 0;
  const before = sent.length;
  viewer.deliver(unit(false, 100));
  expect(sent.length).toBe(before);
  viewer.deliver(unit(true, 100));
  expect(sent.length).toBe(before + 1);
});

test('who says nothing for a minute is gone', () => {
  const { viewer } = setUp();
  expect(viewer.ping()).toBe(true);
  vi.advanceTimersByTime(59_000);
  expect(viewer.ping()).toBe(true);
  vi.advanceTimersByTime(2000);
  expect(viewer.ping()).toBe(false);
});

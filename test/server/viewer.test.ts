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
  const socket = { bufferedAmount: 0, send: (data: string | Uint8Array) => sent.push(data) };
  const viewer = new Viewer(socket as unknown as WebSocket);
  viewer.want({ tracks: ['translated'], codec: 'h264' });
  const deliver = (key: boolean) =>
    viewer.deliver({ track: 'translated', codec: 'h264', key, message: new Uint8Array(100) } as unknown as MediaUnit);
  const pings = () =>
    sent
      .filter((data) => typeof data === 'string')
      .map((text) => JSON.parse(text) as ServerMessage)
      .flatMap((message) => (message.type === 'ping' ? [message.serverTime] : []));
  const pictures = () => sent.filter((data) => typeof data !== 'string').length;
  return { viewer, deliver, pings, pictures };
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

test('who says nothing for a minute is gone', () => {
  const { viewer } = setUp();
  expect(viewer.ping()).toBe(true);
  vi.advanceTimersByTime(59_000);
  expect(viewer.ping()).toBe(true);
  vi.advanceTimersByTime(2000);
  expect(viewer.ping()).toBe(false);
});

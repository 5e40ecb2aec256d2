/**
 * Viewers of a live server, in a process of their own so that they don't take the server's event loop.
 *
 * Usage: tsx bench/live/viewers.ts PORT READING SLOW STALLED SECONDS   Prints one JSON line.
 * SLOW ones read a tenth of what comes, STALLED ones nothing.
 */
import { WebSocket } from 'ws';

import { decodeMediaMessage, parseServerMessage, type ClientMessage } from '../../dist/server/protocol.js';

const [port = 0, reading = 0, slow = 0, stalled = 0, seconds = 0] = process.argv.slice(2).map(Number);
/** How long viewers watch before they are counted: the first pictures come in bursts. */
const settling = 3000;

interface Viewer {
  readonly socket: WebSocket;
  pictures: number;
  /** Bytes of all pictures. */
  bytes: number;
  /** Bytes a second that it reads at most. */
  limit: number;
  /** When a slow one has had time enough for what it has read, milliseconds since the Unix epoch. */
  busyUntil: number;
  /** Milliseconds from capture until received, with the second of the run that it was received in. */
  readonly delays: { readonly second: number; readonly milliseconds: number }[];
}

let counting = false;
let began = 0;

function watch(): Viewer {
  const viewer: Viewer = {
    socket: new WebSocket(`ws://127.0.0.1:${port}/live`),
    ...{ pictures: 0, bytes: 0, limit: Infinity, busyUntil: 0, delays: [] },
  };
  const { socket } = viewer;
  const send = (message: ClientMessage) => socket.send(JSON.stringify(message));
  socket.on('open', () => {
    send({ type: 'hello', version: 1, codecs: { decode: ['avc1.42C01E'], encode: [], jpeg: true } });
    send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  });
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary) => {
    const now = Date.now();
    takeTime(viewer, data.byteLength, now);
    if (!isBinary) {
      const message = parseServerMessage(data.toString('utf8'));
      if (message.type === 'ping') {
        send({ type: 'pong', serverTime: message.serverTime, clientTime: now });
      }
      return;
    }
    viewer.bytes += data.byteLength;
    if (counting) {
      const { header } = decodeMediaMessage(new Uint8Array(data));
      viewer.pictures += 1;
      viewer.delays.push({
        second: Math.floor((now - began) / 1000),
        milliseconds: now - header.captureTimeMilliseconds,
      });
    }
  });
  return viewer;
}

/** Has a slow viewer read nothing more until it has had time for what it has read. */
function takeTime(viewer: Viewer, bytes: number, now: number): void {
  const { socket, limit } = viewer;
  if (limit === Infinity) {
    return;
  }
  const isReading = viewer.busyUntil <= now;
  viewer.busyUntil = Math.max(viewer.busyUntil, now) + (bytes / limit) * 1000;
  if (isReading) {
    socket.pause();
    const goOn = () => {
      const left = viewer.busyUntil - Date.now();
      if (left > 0) {
        setTimeout(goOn, left);
      } else {
        socket.resume();
      }
    };
    goOn();
  }
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const percentile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

const readers = Array.from({ length: reading }, watch);
const laggards = Array.from({ length: slow }, watch);
const dead = Array.from({ length: stalled }, watch);
await wait(settling);
dead.forEach(({ socket }) => socket.pause());
const bytesPerSecond = (readers[0]?.bytes ?? 0) / (settling / 1000);
laggards.forEach((viewer) => (viewer.limit = bytesPerSecond / 10));
began = Date.now();
counting = true;
await wait(seconds * 1000);
counting = false;

const delays = readers.flatMap((viewer) => viewer.delays);
const within = (from: number, to: number) =>
  delays.filter(({ second }) => second >= from && second < to).map(({ milliseconds }) => milliseconds);
const rates = readers.map(({ pictures }) => pictures / seconds);
const tenth = Math.max(1, Math.floor(seconds / 10));
console.log(
  JSON.stringify({
    fps: percentile(rates, 0.5),
    slowestFps: Math.min(...rates),
    delayP50: percentile(within(0, seconds), 0.5),
    delayP95: percentile(within(0, seconds), 0.95),
    firstTenthP95: percentile(within(0, tenth), 0.95),
    lastTenthP95: percentile(within(seconds - tenth, seconds), 0.95),
    laggardPictures: laggards.map(({ pictures }) => pictures),
  }),
);
process.exit();

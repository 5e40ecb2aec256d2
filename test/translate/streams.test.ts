import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { translateFile } from '../../dist/index.js';
import { exactModel, ffmpegs, frameTimes, MediaFolder, packetsMd5, probeFile } from '../support/media.js';
import { makeSample, sampleFrames } from '../support/media-samples.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = new MediaFolder();
const model = exactModel(folder);
const unchanged = { model, strength: 0, device: 'cpu' } as const;
let clip: string;
beforeAll(() => {
  clip = makeSample(folder.file('clip.mp4'));
});
afterAll(() => folder.remove());

/** Runs the command with bytes on its standard input. */
async function pipeThrough(input: Buffer | undefined, ...args: string[]) {
  const child = spawn(process.execPath, [command, 'translate', ...args, '--model', model, '--strength', '0'], {
    stdio: 'pipe',
  });
  const out: Buffer[] = [];
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout: Buffer.concat(out), stderr: String(Buffer.concat(said)) };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function expectWhole(bytes: Buffer, name: string, format: RegExp): void {
  const file = folder.file(name);
  writeFileSync(file, bytes);
  expect(probeFile(file).format.format_name).toMatch(format);
  expect(frameTimes(file)).toHaveLength(sampleFrames);
  expect(packetsMd5(file)).toBe(packetsMd5(clip));
}

test.each(ffmpegs)('to standard output as Matroska, $name ffmpeg', async ({ name, path }) => {
  const { code, stdout, stderr } = await pipeThrough(undefined, clip, '-', '--ffmpeg', path, '--quiet');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expectWhole(stdout, `${name}.mkv`, /matroska/);
});

test.each(ffmpegs)('to standard output as MP4, $name ffmpeg', async ({ name, path }) => {
  const args = [clip, '-', '--format', 'mp4', '--ffmpeg', path, '--quiet'];
  const { code, stdout, stderr } = await pipeThrough(undefined, ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expectWhole(stdout, `${name}.mp4`, /mp4/);
});

test('from standard input to standard output, an MP4 whose index stands last', async () => {
  const { code, stdout, stderr } = await pipeThrough(readFileSync(clip), '-', '--quiet');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expectWhole(stdout, 'through.mkv', /matroska/);
});

test('from standard input that holds nothing: an error, not a hang', async () => {
  const { code, stdout, stderr } = await pipeThrough(Buffer.alloc(0), '-', '--quiet');
  expect({ code, stdout: stdout.length }).toEqual({ code: 3, stdout: 0 });
  expect(stderr).toMatch(/^error: .+\n( {2}.+\n)?$/);
});

test('from standard input that is no video: called standard input, not by a temporary name', async () => {
  const { code, stderr } = await pipeThrough(Buffer.from('no video at all\n'.repeat(100)), '-', '--quiet');
  expect(code).toBe(3);
  expect(stderr).toMatch(/^error: .*standard input/i);
});

test('a reader that goes away ends the work with an error, not a hang', async () => {
  const long = folder.file('long.mp4');
  makeSample(long, '640x360', '-filter:v', 'loop=loop=20:size=25', '-frames:v', '500');
  const child = spawn(process.execPath, [command, 'translate', long, '-', '--model', model, '--quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect(code).toBe(4);
  expect(said).toMatch(/^error: .+\n( {2}.+\n)?$/);
});

test.each(ffmpegs)('to a network address that listens, $name ffmpeg', async ({ name, path }) => {
  const received = await new Promise<Buffer>((resolve, reject) => {
    const server = createTcpServer((socket) => {
      const parts: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => parts.push(chunk));
      socket.on('close', () => {
        server.close();
        resolve(Buffer.concat(parts));
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      translateFile(clip, `tcp://127.0.0.1:${port}`, { ...unchanged, ffmpeg: path }).then(
        (summary) => expect(summary.framesOut).toBe(sampleFrames),
        (error: unknown) => {
          server.close();
          reject(new Error('It was not sent.', { cause: error }));
        },
      );
    });
  });
  const file = folder.file(`${name}-received.ts`);
  writeFileSync(file, received);
  expect(probeFile(file).format.format_name).toBe('mpegts');
  expect(frameTimes(file)).toHaveLength(sampleFrames);
  expect(
    probeFile(file)
      .streams.map((stream) => stream.codec_name)
      .sort(),
  ).toEqual(['aac', 'h264']);
});

test('to a network address where nobody listens: an error that says so', async () => {
  const output = `tcp://127.0.0.1:${await freePort()}`;
  await expect(translateFile(clip, output, unchanged)).rejects.toMatchObject({
    name: 'OutputError',
    code: 'output-unwritable',
    message: `"${output}" does not take the stream.`,
  });
});

test('to a UDP address', async () => {
  const port = await freePort();
  const listener = spawn(
    ffmpegs[0]?.path ?? '',
    [
      // What is sent is short: it is looked at for half a second, not for five.
      ...['-v', 'error', '-nostdin', '-y', '-analyzeduration', '500000'],
      ...['-i', `udp://127.0.0.1:${port}?timeout=20000000&fifo_size=100000`],
      ...['-map', '0:v', '-c', 'copy', '-frames:v', '10', folder.file('udp.ts')],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<number | null>((resolve) => listener.on('close', resolve));
  // Datagrams that nobody waits for are lost: it is sent until enough has come.
  for (let tries = 0; tries < 10 && listener.exitCode === null; tries++) {
    await translateFile(clip, `udp://127.0.0.1:${port}?pkt_size=1316`, unchanged);
  }
  listener.kill('SIGKILL');
  expect(await ended).toBe(0);
  expect(frameTimes(folder.file('udp.ts')).length).toBeGreaterThan(5);
});

test.each(ffmpegs)('from a web server, $name ffmpeg', async ({ name, path }) => {
  const bytes = readFileSync(clip);
  const server = createServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      'accept-ranges': 'bytes',
      'content-length': bytes.length - from,
      'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
    });
    response.end(bytes.subarray(from));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const out = folder.file(`${name}-from-web.mp4`);
  try {
    await translateFile(`http://127.0.0.1:${port}/clip.mp4`, out, { ...unchanged, ffmpeg: path });
    await expect(
      translateFile(`http://127.0.0.1:${await freePort()}/clip.mp4`, folder.file('no.mp4'), {
        ...unchanged,
        ffmpeg: path,
      }),
    ).rejects.toMatchObject({ name: 'InputError', code: 'input-unreadable' });
  } finally {
    server.close();
    server.closeAllConnections();
  }
  expect(frameTimes(out)).toHaveLength(sampleFrames);
  expect(packetsMd5(out)).toBe(packetsMd5(clip));
});

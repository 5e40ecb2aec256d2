import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { TestPage } from '../server/support/test-page.js';
import { makeClip, runCli, startCli, TemporaryFolder, type CliRun } from './run-cli.js';

const folder = new TemporaryFolder();
const onWindows = process.platform === 'win32'; // has no signals to send

beforeAll(() => makeClip(folder.file('clip.mp4'), 4));
afterAll(() => folder[Symbol.dispose]());

/** Starts the command and waits until it listens. */
async function startServing(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { child, ended } = startCli(['serve', ...args, '--port', '0', '--json'], { env });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', resolve);
    void ended.then((run: CliRun) => reject(new Error(`It ended early: ${run.stdout}${run.stderr}`)));
  });
  const { type, url } = JSON.parse(line) as { type: string; url: string };
  expect(type).toBe('listening');
  return { child, ended, url, port: Number(new URL(url).port) };
}

test.skipIf(onWindows)('a file is played to a page; Ctrl-C tells the page and completes the output', async () => {
  const output = folder.file('night.mp4');
  const { child, ended, url, port } = await startServing([folder.file('clip.mp4'), '--loop', '--output', output]);
  expect(((await (await fetch(new URL('/healthz', url))).json()) as { status: string }).status).toBe('ok');
  const page = await TestPage.connect(port);
  page.hello();
  page.send({ type: 'watch', tracks: ['translated'], codec: 'h264' });
  await page.gets(10);
  expect(page.pictures[0]?.header.key).toBe(true);
  child.kill('SIGINT');
  expect((await page.closed).code).toBe(1001);
  const run = await ended;
  expect(run.code).toBe(130);
  const entries = run.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string });
  expect(entries.at(-1)?.msg).toBe('stopped');
  expect(existsSync(output)).toBe(true);
});

test('a port that is taken: exit code 9, and what to do', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const run = await runCli(['serve', '--port', String(port)]);
  taken.close();
  expect(run).toMatchObject({ code: 9, stdout: '' });
  expect(run.stderr).toContain(`Port ${port}`);
  expect(run.stderr).toContain('--port');
});

test.each([
  { args: ['--host', '0.0.0.0'], code: 2, said: '--token' },
  { args: ['camera', '--loop'], code: 2, said: '--loop' },
  { args: ['--output', 'x.mp4'], code: 2, said: '--output' },
  { args: ['--port', '70000'], code: 2, said: '65535' },
  { args: ['--tls-cert', 'x.pem'], code: 2, said: '--tls-key' },
  { args: ['--allow-origin', 'example.org/x'], code: 2, said: 'https://example.org' },
  { args: ['--port', '0', '--tls-cert', 'no.pem', '--tls-key', 'no.pem'], code: 3, said: 'no.pem' },
  { args: ['--port', '0', 'no-such-file.mp4'], code: 3, said: 'no-such-file.mp4' },
  { args: ['--port', '0', '--effect', 'day-to-mars', 'clip.mp4'], code: 5, said: 'day-to-mars' },
])('$args: exit code $code', async ({ args, code, said }) => {
  const run = await runCli(['serve', ...args], { cwd: folder.path });
  expect(run.stderr.replaceAll('\n', ' ')).toContain(said);
  expect(run).toMatchObject({ code, stdout: '' });
});

test.skipIf(onWindows)('the token comes from the environment, where others on this machine do not see it', async () => {
  const token = 'from-the-environment';
  const { child, ended, url } = await startServing([], { VID2VID_TURBO_TOKEN: token });
  expect((await fetch(url)).status).toBe(401);
  expect((await fetch(new URL('/metrics', url), { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  const seen = spawnSync('ps', ['-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' });
  expect(seen.stdout).not.toContain(token);
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 143 });
});

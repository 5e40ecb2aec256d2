import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

import { locateFfmpeg } from '../ffmpeg/locate.js';
import { probeTimeout } from '../ffmpeg/version.js';

/**
 * A camera of this machine.
 *
 * @group Live
 */
export interface CaptureDevice {
  /** What it is asked for by: `/dev/video0` on Linux, its name elsewhere. */
  readonly id: string;
  /** Its name for people. */
  readonly name: string;
  /** What ffmpeg reads it with. */
  readonly backend: 'v4l2' | 'avfoundation' | 'dshow';
}

/**
 * Lists the cameras of this machine.
 *
 * @param options - `ffmpeg`: path of the ffmpeg to ask, where the system itself can't be.
 * @throws {@link FfmpegError} when one is needed and none is found.
 * @group Live
 */
export async function listCaptureDevices(
  options: { readonly ffmpeg?: string | undefined } = {},
): Promise<readonly CaptureDevice[]> {
  switch (process.platform) {
    case 'linux':
      return listVideo4Linux('/sys/class/video4linux', '/dev');
    case 'darwin':
      return parseAvfoundationList(await askFfmpeg('avfoundation', '', options.ffmpeg));
    case 'win32':
      return parseDshowList(await askFfmpeg('dshow', 'dummy', options.ffmpeg));
    default:
      return [];
  }
}

/** ffmpeg prints its list to stderr and fails, since there is nothing of that name to open. */
async function askFfmpeg(backend: string, input: string, ffmpeg: string | undefined): Promise<string> {
  const programs = await locateFfmpeg(ffmpeg);
  const { stderr } = await execa(
    programs.ffmpeg,
    ['-hide_banner', '-f', backend, '-list_devices', 'true', '-i', input],
    { reject: false, stdin: 'ignore', timeout: probeTimeout },
  );
  return stderr;
}

/**
 * Cameras as Linux lists them. A camera has further nodes, for metadata, which give no picture: only the first of each
 * (`index` 0) is one.
 *
 * @param folder - `/sys/class/video4linux`.
 * @param nodes - `/dev`.
 */
export async function listVideo4Linux(folder: string, nodes: string): Promise<CaptureDevice[]> {
  const names = await readdir(folder).catch(() => []);
  const present = new Set(await readdir(nodes).catch(() => []));
  const number = (name: string) => Number(/\d+$/.exec(name)?.[0]);
  const described = await Promise.all(
    names
      .filter((name) => /^video\d+$/.test(name) && present.has(name))
      .sort((a, b) => number(a) - number(b))
      .map(async (name) => ({
        id: join(nodes, name),
        name: await textOf(join(folder, name, 'name'), name),
        index: await textOf(join(folder, name, 'index'), '0'),
      })),
  );
  return described.filter(({ index }) => index === '0').map(({ id, name }) => ({ id, name, backend: 'v4l2' as const }));
}

async function textOf(file: string, otherwise: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() === '' ? otherwise : text.trim();
}

/** Cameras in what `ffmpeg -f avfoundation -list_devices true` prints; screens are left out. */
export function parseAvfoundationList(text: string): CaptureDevice[] {
  const video = /AVFoundation video devices:([\s\S]*?)(?:AVFoundation audio devices:|$)/.exec(text)?.[1] ?? '';
  return [...video.matchAll(/\] \[\d+\] (.+?)\r?$/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => name !== '' && !/^Capture screen \d+$/.test(name))
    .map((name) => ({ id: name, name, backend: 'avfoundation' }));
}

/** Cameras in what `ffmpeg -f dshow -list_devices true` prints: under a heading before version 5, marked after it. */
export function parseDshowList(text: string): CaptureDevice[] {
  const marked = [...text.matchAll(/"([^"]+)" \((?:video|none|[^)]*video[^)]*)\)/g)];
  const video = /DirectShow video devices([\s\S]*?)(?:DirectShow audio devices|$)/.exec(text)?.[1] ?? '';
  const headed = [...video.matchAll(/\] +"([^"@][^"]*)"\s*$/gm)];
  return (marked.length > 0 ? marked : headed)
    .map((match) => match[1] ?? '')
    .map((name) => ({ id: name, name, backend: 'dshow' }));
}

import { accessSync, chmodSync, constants, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

import { FfmpegError } from '../../errors/errors.js';
import { readVersion, type FfmpegVersion } from './version.js';

/**
 * Where an ffmpeg came from, in the order they are tried.
 *
 * @group Reading and writing video
 */
export type FfmpegOrigin = 'option' | 'FFMPEG_PATH' | 'PATH' | 'bundled';

/** The pair of programs that read and write video. */
export interface FfmpegPrograms {
  /** Path of ffmpeg. */
  readonly ffmpeg: string;
  /** Path of ffprobe. */
  readonly ffprobe: string;
  /** What `ffmpeg -version` says. */
  readonly version: FfmpegVersion;
  /** Where they were found. */
  readonly origin: FfmpegOrigin;
}

/** An ffmpeg on PATH must be at least this new to be preferred to the bundled one. */
const oldestPreferred = 5;

/** Builds from git state no release; version 5 came out in 2022. */
function isNewEnough(version: FfmpegVersion): boolean {
  return version.major === undefined ? (version.year ?? 0) >= 2022 : version.major >= oldestPreferred;
}

const require = createRequire(import.meta.url);
const located = new Map<string, Promise<FfmpegPrograms>>();

/**
 * Finds ffmpeg and ffprobe: the path given, else `FFMPEG_PATH`, else a version 5 or newer on PATH, else the bundled one.
 *
 * @param explicit - Path of an ffmpeg that must be used.
 * @throws FfmpegError `ffmpeg-not-found` when the one asked for doesn't run, or none is there.
 */
export function locateFfmpeg(explicit?: string): Promise<FfmpegPrograms> {
  const key = [explicit ?? '', process.env.FFMPEG_PATH ?? '', process.env.PATH ?? ''].join('\n');
  const known = located.get(key) ?? search(explicit);
  located.set(key, known);
  // A failure is not remembered: the user may have installed it meanwhile.
  known.catch(() => located.delete(key));
  return known;
}

async function search(explicit: string | undefined): Promise<FfmpegPrograms> {
  if (explicit !== undefined) {
    return demanded(explicit, 'option', 'Give --ffmpeg the path of an ffmpeg that runs.');
  }
  const fromEnvironment = process.env.FFMPEG_PATH;
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return demanded(fromEnvironment, 'FFMPEG_PATH', 'Set FFMPEG_PATH to the path of an ffmpeg that runs, or unset it.');
  }
  const onPath = findOnPath(executableName('ffmpeg'));
  if (onPath !== undefined) {
    const version = await readVersion(onPath);
    if (version !== undefined && isNewEnough(version)) {
      return { ffmpeg: onPath, ffprobe: companionProbe(onPath), version, origin: 'PATH' };
    }
  }
  const bundled = bundledProgram('@ffmpeg-installer/ffmpeg');
  const version = bundled === undefined ? undefined : await readVersion(bundled);
  if (bundled === undefined || version === undefined) {
    throw new FfmpegError('ffmpeg-not-found', 'No ffmpeg was found, neither on PATH nor bundled for this platform.', {
      remedy: 'Install ffmpeg (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg) or set FFMPEG_PATH.',
    });
  }
  return { ffmpeg: bundled, ffprobe: companionProbe(bundled), version, origin: 'bundled' };
}

async function demanded(path: string, origin: FfmpegOrigin, remedy: string): Promise<FfmpegPrograms> {
  const resolved = existsSync(path) ? path : findOnPath(path);
  const version = resolved === undefined ? undefined : await readVersion(resolved);
  if (resolved === undefined || version === undefined) {
    const what = resolved === undefined ? 'does not exist' : 'is not an ffmpeg that runs';
    throw new FfmpegError('ffmpeg-not-found', `"${path}" ${what}.`, { remedy });
  }
  return { ffmpeg: resolved, ffprobe: companionProbe(resolved), version, origin };
}

/** The ffprobe beside an ffmpeg, else the one on PATH, else the bundled one. */
function companionProbe(ffmpeg: string): string {
  const beside = join(dirname(ffmpeg), executableName('ffprobe'));
  const found = isExecutable(beside) ? beside : findOnPath(executableName('ffprobe'));
  const probe = found ?? bundledProgram('@ffprobe-installer/ffprobe');
  if (probe === undefined) {
    throw new FfmpegError('ffmpeg-not-found', `No ffprobe was found, neither beside "${ffmpeg}" nor on PATH.`, {
      remedy: 'Install the whole ffmpeg package, which brings ffprobe.',
    });
  }
  return probe;
}

function executableName(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

function findOnPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Path of a program inside an npm package; undefined where the package has none for this platform. */
function bundledProgram(packageName: '@ffmpeg-installer/ffmpeg' | '@ffprobe-installer/ffprobe'): string | undefined {
  try {
    const { path } = require(packageName) as { path: string };
    if (!isExecutable(path)) {
      // Its own postinstall does this; package managers that run no scripts leave it undone.
      chmodSync(path, 0o755);
    }
    return path;
  } catch {
    return undefined;
  }
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ByteReader, type ByteInput } from '../nut/byte-reader.js';
import { SocketReader } from '../nut/socket-reader.js';
import type { FfmpegProcess } from './process.js';

/** The longest path that every system takes for a socket. */
const longestSocketPath = 100;
/** Milliseconds between two tries to connect to an ffmpeg that is still opening its input. */
const retryDelay = 5;

/** The way by which frames come from an ffmpeg. */
export interface FramePipe {
  /** Where ffmpeg is to write. */
  readonly url: string;
  /** Output options that go with it. */
  readonly options: readonly string[];
  /** The bytes that the process writes; nothing when it ends before it writes. */
  open(process: FfmpegProcess): Promise<ByteInput>;
  /** Leaves nothing of it in the file system, also where it was never opened. */
  remove(): Promise<void>;
}

/**
 * Prepares the way for frames: a socket of the file system that is read straight into frames' buffers, or the standard
 * output where there are none (Windows).
 */
export async function createFramePipe(): Promise<FramePipe> {
  const folder = process.platform === 'win32' ? undefined : await mkdtemp(join(tmpdir(), 'vid2vid-turbo-'));
  const path = join(folder ?? '', 'frames');
  const remove = async () => {
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true });
    }
  };
  if (folder === undefined || path.length > longestSocketPath) {
    await remove();
    return { url: 'pipe:1', options: [], open: (ffmpeg) => Promise.resolve(new ByteReader(ffmpeg.stdout)), remove };
  }
  return {
    remove,
    url: `unix:${path}`,
    // It listens and we connect: only sockets that connect can be read into buffers of our own.
    options: ['-listen', '1'],
    open: async (ffmpeg) => {
      try {
        return (await connectWhileRunning(path, ffmpeg)) ?? new ByteReader(ffmpeg.stdout);
      } finally {
        // Once connected, the name is no longer needed.
        await remove();
      }
    },
  };
}

async function connectWhileRunning(path: string, ffmpeg: FfmpegProcess): Promise<SocketReader | undefined> {
  const ended = ffmpeg.exit.then(() => 'ended' as const);
  for (;;) {
    try {
      return await SocketReader.connect(path);
    } catch {
      // Not listening yet, or never will be.
      if ((await Promise.race([ended, sleep(retryDelay)])) === 'ended') {
        return undefined;
      }
    }
  }
}

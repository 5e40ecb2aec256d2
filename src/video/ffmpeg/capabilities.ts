import { execa } from 'execa';

import { probeTimeout } from './version.js';

/** What an ffmpeg was built with, and so which flags it takes. */
export interface FfmpegCapabilities {
  /** Names of its encoders. */
  readonly encoders: ReadonlySet<string>;
  /** Names of its filters. */
  readonly filters: ReadonlySet<string>;
  /** Names of its muxers. */
  readonly muxers: ReadonlySet<string>;
  /** The option that keeps every frame and its timestamp: `-fps_mode` since 5.1, `-vsync` before. */
  readonly passTimestampsThrough: readonly string[];
  /** Whether the frames it encodes have a duration. */
  readonly givesDurations: boolean;
}

const known = new Map<string, Promise<FfmpegCapabilities>>();

/** Asks an ffmpeg what it can do; asked once a program and process. */
export function probeCapabilities(ffmpeg: string): Promise<FfmpegCapabilities> {
  const capabilities = known.get(ffmpeg) ?? ask(ffmpeg);
  known.set(ffmpeg, capabilities);
  capabilities.catch(() => known.delete(ffmpeg));
  return capabilities;
}

async function ask(ffmpeg: string): Promise<FfmpegCapabilities> {
  const print = async (...options: string[]) =>
    (await execa(ffmpeg, ['-hide_banner', ...options], { stdin: 'ignore', timeout: probeTimeout })).stdout;
  const [encoders, filters, muxers, help] = await Promise.all([
    print('-encoders'),
    print('-filters'),
    print('-muxers'),
    print('-help', 'full'),
  ]);
  const hasFpsMode = /^-fps_mode/m.test(help);
  return {
    encoders: namesIn(encoders, /^ [VAS][F.][S.][X.][B.][D.] (\S+)/gm),
    filters: namesIn(filters, /^ [T.][S.][C.]? ?(\S+) +\S+->\S+/gm),
    muxers: namesIn(muxers, /^ {1,3}E[d ]* (\S+)/gm),
    passTimestampsThrough: hasFpsMode ? ['-fps_mode', 'passthrough'] : ['-vsync', '0'],
    // Both came within the same year of ffmpeg's development.
    givesDurations: hasFpsMode,
  };
}

function namesIn(text: string, line: RegExp): Set<string> {
  return new Set([...text.matchAll(line)].flatMap((match) => (match[1] ?? '').split(',')));
}

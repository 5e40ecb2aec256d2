import { execa } from 'execa';

/** What an ffmpeg says of its own version. */
export interface FfmpegVersion {
  /** The version as printed, `5.1.9-0+deb12u1` or `N-47683-g0e8eb07980-static`. */
  readonly text: string;
  /** The release's first number; undefined for builds from git, which state none. */
  readonly major: number | undefined;
  /** Year in the copyright line: tells how old a build from git is. */
  readonly year: number | undefined;
}

/** Longest wait for a program to print its version or lists, milliseconds. */
export const probeTimeout = 15_000;

/** Runs `ffmpeg -version`; undefined when it isn't an ffmpeg or doesn't run. */
export async function readVersion(ffmpeg: string): Promise<FfmpegVersion | undefined> {
  const result = await execa(ffmpeg, ['-hide_banner', '-version'], {
    reject: false,
    stdin: 'ignore',
    timeout: probeTimeout,
  });
  const match = /^ff(?:mpeg|probe) version (\S+)(?:.*?\d{4}-(\d{4}))?/.exec(result.stdout);
  const text = match?.[1];
  if (result.failed || text === undefined) {
    return undefined;
  }
  const major = /^n?(\d+)\./.exec(text)?.[1];
  const year = match?.[2];
  return {
    text,
    major: major === undefined ? undefined : Number(major),
    year: year === undefined ? undefined : Number(year),
  };
}

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { afterAll, expect, test } from 'vitest';

import { ffmpeg, MediaFolder } from '../support/media.js';
import { movingPicture, quickVideo } from '../support/media-samples.js';

/** Length of the video, seconds. */
const seconds = Number(process.env.SOAK_SECONDS ?? 600);
const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = new MediaFolder();
afterAll(() => folder.remove());

/** Resident memory of a process, MiB. */
function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}

test.skipIf(process.platform !== 'linux')(
  `${seconds} seconds at 960x540: no more than 500 MB, and no more at the end than after ten seconds of video`,
  async () => {
    const clip = folder.file('long.mp4');
    ffmpeg(...movingPicture('960x540', 25, seconds), ...quickVideo, clip);
    const child = spawn(process.execPath, [command, 'translate', clip, folder.file('night.mp4'), '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const measured: { videoSeconds: number; mb: number }[] = [];
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const frames = [...chunk.matchAll(/"framesOut":(\d+)/g)].at(-1)?.[1];
      if (frames !== undefined && child.exitCode === null && !text.includes('"type":"summary"')) {
        measured.push({ videoSeconds: Number(frames) / 25, mb: residentMb(child.pid ?? 0) });
      }
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    const summary = JSON.parse(text.trim().split('\n').at(-1) ?? '') as { framesOut: number; peakRssMb: number };
    expect({ code, frames: summary.framesOut }).toEqual({ code: 0, frames: seconds * 25 });
    expect(summary.peakRssMb).toBeLessThanOrEqual(500);

    const most = (values: typeof measured) => Math.max(...values.map(({ mb }) => mb));
    const early = measured.filter(({ videoSeconds }) => videoSeconds > 5 && videoSeconds <= 10);
    const late = measured.filter(({ videoSeconds }) => videoSeconds > 10);
    console.info(`peak ${summary.peakRssMb} MB; to 10 s ${most(early).toFixed()} MB, after ${most(late).toFixed()} MB`);
    expect(early.length).toBeGreaterThan(0);
    expect(late.length).toBeGreaterThan(0);
    expect(most(late)).toBeLessThanOrEqual(most(early) * 1.1 + 10);
  },
  3_600_000,
);

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';
import { z } from 'zod';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const folders = (process.env.PATH ?? '').split(delimiter);
const path = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];

/** Seconds before pictures are counted: the page is being loaded, and pictures come in bursts. */
const settling = 10;
/** Seconds that one window of the page's own figures holds at 25 frames a second: 120 pictures. */
const windowSeconds = 5;

/** What the page tells the server once a second. */
const reportSchema = z.object({
  type: z.literal('report'),
  delayMilliseconds: z.object({ p50: z.number(), p95: z.number() }),
  decoded: z.number(),
});

/** What a viewer saw. */
export interface PageFigures {
  readonly fps: number;
  /** From capture to the decoded picture on the canvas, milliseconds: median of the windows' medians. */
  readonly delayP50: number;
  /** The highest 95th percentile that any window of five seconds had. */
  readonly delayP95: number;
  readonly firstTenthP95: number;
  readonly lastTenthP95: number;
}

/**
 * Watches a server's page in a real browser; undefined where there is none. The page's own figures are read.
 *
 * @param film - Motion JPEG that the browser's camera films, and that the page is to show translated.
 */
export async function watchInBrowser(port: number, seconds: number, film?: string): Promise<PageFigures | undefined> {
  if (path === undefined) {
    return undefined;
  }
  const browser = await chromium.launch({ executablePath: path, args: [...flags, ...cameraFlags(film)] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const reports: z.output<typeof reportSchema>[] = [];
    page.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => {
        const report = typeof payload === 'string' ? reportSchema.safeParse(JSON.parse(payload)) : undefined;
        if (report?.success) {
          reports.push(report.data);
        }
      }),
    );
    await page.goto(`http://127.0.0.1:${port}/`);
    if (film !== undefined) {
      await page.getByRole('button', { name: 'Use my camera' }).click();
    }
    await page.waitForTimeout(settling * 1000);
    reports.length = 0;
    const began = performance.now();
    await page.waitForTimeout(seconds * 1000);
    return summarise(reports, (performance.now() - began) / 1000);
  } finally {
    await browser.close();
  }
}

function cameraFlags(film: string | undefined): readonly string[] {
  return film === undefined
    ? []
    : [
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        `--use-file-for-fake-video-capture=${film}`,
      ];
}

function summarise(reports: readonly z.output<typeof reportSchema>[], seconds: number): PageFigures {
  const windows = reports.filter((_, index) => index % windowSeconds === 0).map((report) => report.delayMilliseconds);
  const medians = windows.map(({ p50 }) => p50).sort((a, b) => a - b);
  return {
    fps: reports.reduce((sum, { decoded }) => sum + decoded, 0) / seconds,
    delayP50: medians[Math.floor(medians.length / 2)] ?? NaN,
    delayP95: Math.max(...windows.map(({ p95 }) => p95)),
    firstTenthP95: windows[0]?.p95 ?? NaN,
    lastTenthP95: windows.at(-1)?.p95 ?? NaN,
  };
}

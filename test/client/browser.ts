import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium, type Browser } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const folders = (process.env.PATH ?? '').split(delimiter);

/** The browser that the tests drive; undefined where there is none, which is said. */
export const browserPath = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);

if (browserPath === undefined) {
  console.warn('SKIPPED: all tests of the viewer page, since there is no Chromium on PATH (apt-get install chromium).');
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];

/** What the browser's camera is. */
export interface FakeCamera {
  /** Motion JPEG that it films, over and over. */
  readonly film: string;
}

/** Starts a browser of its own, with a camera where one is given; whoever uses it is asked nothing. */
export async function startBrowser(camera?: FakeCamera, ...more: readonly string[]): Promise<Browser> {
  const film =
    camera === undefined
      ? []
      : [
          '--use-fake-device-for-media-stream',
          '--use-fake-ui-for-media-stream',
          `--use-file-for-fake-video-capture=${camera.film}`,
        ];
  return await chromium.launch({ executablePath: browserPath ?? '', args: [...flags, ...film, ...more] });
}

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ffmpeg, MediaFolder, realClip, sharedData } from '../support/media.js';
import { browserPath, startBrowser } from './browser.js';
import { LiveServer } from './live-server.js';
import { eventually, ViewerPage } from './viewer-page.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on a page as it is: rule, how bad, and where; what it can't tell (text over a picture) is left out. */
async function violations(page: Page): Promise<string[]> {
  await atRest(page);
  // The page's own policy lets no foreign script in; the debugger's way isn't bound by it.
  await page.evaluate(axe);
  const options: RunOptions = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
  const { violations } = await page.evaluate(
    (run) => (globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(run),
    options,
  );
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target }) => `${id} (${impact ?? 'minor'}): ${target.join(' ')}`),
  );
}

/** Waits until no colour is on its way to another: half-way between the two, text may be as pale as what it stands on. */
async function atRest(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((one) => one.finished));
  });
}

const looks: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ['dark', { colorScheme: 'dark' }],
  ['light', { colorScheme: 'light' }],
  ['a dark phone', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ['a light phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
];

describe.skipIf(browserPath === undefined || sharedData === undefined)('axe finds nothing', () => {
  const folder = new MediaFolder();
  const clip = realClip('highway-day-960x540-aac.mp4');
  let browser: Browser;
  let stream: LiveServer;
  let cameras: LiveServer;

  beforeAll(async () => {
    const film = folder.file('day.mjpeg');
    ffmpeg('-i', clip, '-t', '4', '-vf', 'scale=640:360,format=yuvj420p', '-q:v', '4', '-an', film);
    browser = await startBrowser({ film });
    // Small, for the picture is not what is looked at.
    const small = ['--size', '320x180'];
    stream = await LiveServer.start(clip, '--loop', ...small);
    cameras = await LiveServer.start('--host', '127.0.0.1', '--token', 'a-token-of-the-test', ...small);
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([stream.stop(), cameras.stop()]);
    folder.remove();
  });

  describe.each(looks)('%s', (_, look) => {
    test('a stream that plays, with its divider, figures and help', async () => {
      const viewer = await ViewerPage.open(browser, stream.url, look);
      await viewer.plays();
      await viewer.press('d', 'i');
      await eventually(() => viewer.page.locator('[data-statistic=delay]').textContent()).toMatch(/^\d+ \/ \d+ ms$/);
      expect(await violations(viewer.page)).toEqual([]);
      await viewer.press('?');
      await viewer.page.getByRole('dialog', { name: 'Help' }).waitFor();
      expect(await violations(viewer.page)).toEqual([]);
      await viewer.close();
    });

    test('the token that is asked for, the invitation, and the own camera', async () => {
      const viewer = await ViewerPage.open(browser, cameras.url, { ...look, permissions: ['camera'] });
      const { page } = viewer;
      await page.getByLabel('Token').fill('not-the-token');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByLabel('Token').fill('a-token-of-the-test');
      await page.keyboard.press('Enter');
      const start = page.getByRole('button', { name: 'Use my camera' });
      await start.waitFor();
      expect(await violations(page)).toEqual([]);
      await start.click();
      await viewer.plays();
      expect(await violations(page)).toEqual([]);
      await viewer.close();
    });
  });

  test('a stream that has ended', async () => {
    const over = folder.file('over.mp4');
    ffmpeg('-i', clip, '-t', '1', '-an', '-c:v', 'libx264', '-preset', 'ultrafast', over);
    const once = await LiveServer.start(over);
    try {
      const viewer = await ViewerPage.open(browser, once.url);
      await viewer.page.getByRole('heading', { name: 'The stream has ended' }).waitFor({ timeout: 60_000 });
      expect(await violations(viewer.page)).toEqual([]);
      await viewer.close();
    } finally {
      await once.stop();
    }
  });
});

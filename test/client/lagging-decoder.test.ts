import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { realClip, sharedData } from '../support/media.js';
import { browserPath, startBrowser } from './browser.js';
import { LiveServer } from './live-server.js';
import { eventually, ViewerPage } from './viewer-page.js';

/** Gives a page's player a decoder that holds pictures back, of the kinds whose acceleration is named. */
function holdBack(page: Page, ...accelerations: readonly HardwareAcceleration[]): Promise<unknown> {
  return page.route('**/player.worker*.js', async (route) => {
    const response = await route.fetch();
    const script = await response.text();
    await route.fulfill({
      response,
      body: `(${replaceDecoder.toString()})(${JSON.stringify(accelerations)});${script}`,
    });
  });
}

/** Runs in the player's worker, before anything of it. */
function replaceDecoder(accelerations: readonly (string | undefined)[]): void {
  const Original = VideoDecoder;
  /** Pictures that it keeps, as some platforms' hardware does. */
  const kept = 40;
  class HoldingDecoder extends Original {
    #holds = false;
    constructor(init: VideoDecoderInit) {
      const waiting: VideoFrame[] = [];
      super({
        ...init,
        output: (frame) => {
          if (!this.#holds) {
            init.output(frame);
            return;
          }
          waiting.push(frame);
          if (waiting.length > kept) {
            waiting.shift()?.close();
          }
        },
      });
    }
    override configure(config: VideoDecoderConfig): void {
      this.#holds = accelerations.includes(config.hardwareAcceleration);
      super.configure(config);
    }
  }
  globalThis.VideoDecoder = HoldingDecoder;
}

describe.skipIf(browserPath === undefined || sharedData === undefined)('a decoder that lags', () => {
  let browser: Browser;
  let server: LiveServer;

  beforeAll(async () => {
    browser = await startBrowser();
    server = await LiveServer.start(realClip('highway-day-960x540-aac.mp4'), '--loop');
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  test('is replaced by the software decoder, and the stream plays', async () => {
    const viewer = await ViewerPage.open(browser, server.url, {}, (page) => holdBack(page, 'no-preference'));
    await viewer.plays();
    expect(await viewer.decoder()).toBe('webcodecs-software');
    expect(viewer.errors).toEqual([]);
    await viewer.close();
  });

  test('and when that lags, too, the pictures come as JPEG, which is said', async () => {
    const viewer = await ViewerPage.open(browser, server.url, {}, (page) =>
      holdBack(page, 'no-preference', 'prefer-software'),
    );
    await eventually(() => viewer.said()).toMatch(/pictures come as JPEG now/);
    await viewer.plays();
    expect(await viewer.decoder()).toBe('jpeg');
    await viewer.press('i');
    await eventually(() => viewer.page.locator('[data-statistic=decoder]').textContent()).toBe('picture by picture');
    await viewer.press('d');
    await viewer.passes(10);
    expect(viewer.errors).toEqual([]);
    await viewer.close();
  });
});

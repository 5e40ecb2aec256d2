import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { ffmpeg, frameTimes, MediaFolder, realClip, sharedData, videoOf } from '../support/media.js';
import { browserPath, startBrowser } from './browser.js';
import { LiveServer } from './live-server.js';
import { brightness, difference, eventually, ViewerPage } from './viewer-page.js';

const clip = realClip('highway-day-960x540-aac.mp4');

/** Mean brightness of the clip, 0 to 255. */
function brightnessOfClip(): number {
  const bytes = ffmpeg('-i', clip, '-vf', 'fps=2,scale=32:18', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
  return bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
}

describe.skipIf(browserPath === undefined || sharedData === undefined)('the page of a stream', () => {
  let browser: Browser;
  let server: LiveServer;
  let viewer: ViewerPage | undefined;

  beforeAll(async () => {
    browser = await startBrowser();
    server = await LiveServer.start(clip, '--loop', '--effect', 'day-to-night');
  });
  afterEach(async () => {
    expect(viewer?.errors ?? []).toEqual([]);
    await viewer?.close();
    viewer = undefined;
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  /** Opens the page and waits until it plays. */
  async function watch(options?: BrowserContextOptions, before?: (page: Page) => Promise<unknown>, search = '') {
    viewer = await ViewerPage.open(browser, new URL(search, server.url).href, options, before);
    await viewer.plays();
    return viewer;
  }

  test('shows a moving picture, darker than its source', async () => {
    const page = await watch();
    expect(await page.decoder()).toMatch(/^webcodecs/);
    const before = await page.look();
    await page.passes(15);
    const after = await page.look();
    expect(difference(before, after)).toBeGreaterThan(0.5);
    expect(brightness(after)).toBeGreaterThan(3);
    expect(brightness(after)).toBeLessThan(0.7 * brightnessOfClip());
  });

  test('another strength and another effect, while it plays', async () => {
    const viewer = await watch();
    const { page } = viewer;
    const bright = async () => brightness(await viewer.look());
    await page.mouse.move(300, 300);
    const strength = page.getByRole('slider', { name: 'Strength' });
    await strength.fill('0');
    await eventually(bright).toBeGreaterThan(0.85 * brightnessOfClip());
    await strength.fill('100');
    await eventually(bright).toBeLessThan(0.7 * brightnessOfClip());

    const effects = page.getByRole('group', { name: 'Effect' });
    const night = effects.getByRole('radio', { name: 'Day to night' });
    const other = effects.getByRole('radio', { checked: false }).first();
    expect(await night.isChecked()).toBe(true);
    const name = (await other.locator('..').textContent()) ?? '';
    await effects.getByRole('radio', { name }).check();
    await eventually(() => viewer.said()).toBe(name);
    expect(await effects.getByRole('radio', { name }).isChecked()).toBe(true);
    await viewer.plays();
    await night.check();
    await eventually(() => effects.getAttribute('aria-busy')).toBe('false');
  });

  test('the divider: the original on its left, dragged and moved by keys', async () => {
    const viewer = await watch();
    const { page } = viewer;
    await page.mouse.move(300, 300);
    const compare = page.getByRole('button', { name: 'Compare with the original' });
    await compare.click();
    const slider = page.getByRole('slider', { name: /Divider/ });
    expect(await slider.getAttribute('aria-valuenow')).toBe('50');
    await eventually(async () => {
      const seen = await viewer.look();
      return brightness(seen, 0, 0.48) / brightness(seen, 0.52, 1);
    }).toBeGreaterThan(1.4);

    const box = await slider.boundingBox();
    const picture = await page.locator('#picture').boundingBox();
    if (box === null || picture === null) {
      throw new Error('The divider is not on the page.');
    }
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(picture.x + picture.width * 0.8, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    expect(await slider.getAttribute('aria-valuenow')).toBe('80');
    await page.keyboard.press('ArrowRight');
    expect(await slider.getAttribute('aria-valuenow')).toBe('82');
    await page.keyboard.press('End');
    await eventually(async () => brightness(await viewer.look())).toBeGreaterThan(0.85 * brightnessOfClip());
    await viewer.press('d');
    await eventually(async () => brightness(await viewer.look())).toBeLessThan(0.7 * brightnessOfClip());
  });

  test('a snapshot is the picture as it is seen', async () => {
    const viewer = await watch();
    const { name, bytes } = await viewer.download(() => viewer.press('s'));
    expect(name).toMatch(/^day-to-night .*\.png$/);
    const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
    expect([width, height]).toEqual(
      await viewer.page.evaluate(() => {
        const canvas = document.querySelector('canvas');
        return [canvas?.width, canvas?.height];
      }),
    );
    await eventually(() => viewer.said()).toBe('Snapshot saved.');
  });

  test('a recording is a video of what was seen', async () => {
    const viewer = await watch();
    await viewer.press('r');
    const record = viewer.page.getByRole('button', { name: 'Record' });
    await eventually(() => record.getAttribute('aria-pressed')).toBe('true');
    await viewer.passes(50);
    const { name, path } = await viewer.download(() => viewer.press('r'));
    expect(name).toMatch(/^day-to-night .*\.mp4$/);
    expect(videoOf(path)).toMatchObject({ codec_name: 'h264', width: 640, height: 360 });
    const times = frameTimes(path);
    expect(times.length).toBeGreaterThan(20);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeLessThan(0.1);
  });

  test('pause holds the picture, and all else is a key away', async () => {
    const viewer = await watch();
    const { page } = viewer;
    await viewer.press(' ');
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
    await eventually(async () => page.locator('#status-text').textContent()).toBe('Paused');
    let last = -1;
    await eventually(async () => {
      const isStill = last === (await viewer.shown());
      last = await viewer.shown();
      return isStill;
    }, 1500).toBe(true);
    await viewer.press(' ');
    await viewer.plays();

    await viewer.press('i');
    expect(await page.locator('[data-statistic=size]').textContent()).toBe('640 × 360');
    await eventually(() => page.locator('[data-statistic=delay]').textContent()).toMatch(/^\d+ \/ \d+ ms$/);
    await viewer.press('?');
    const help = page.getByRole('dialog', { name: 'Help' });
    await help.waitFor();
    await help.getByRole('checkbox').uncheck();
    await page.keyboard.press('Escape');
    await help.waitFor({ state: 'hidden' });
    await viewer.press('d');
    expect(await page.getByRole('slider', { name: /Divider/ }).count()).toBe(0);
  });

  test('everything has a name, is reached by keyboard, and fades only while nobody is there', async () => {
    const viewer = await watch();
    const { page } = viewer;
    await page.waitForSelector(':root[data-idle]');
    const reached: string[] = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(() => {
          const { activeElement } = document;
          const label = activeElement instanceof HTMLInputElement ? activeElement.labels?.[0]?.textContent : undefined;
          return activeElement?.ariaLabel ?? label?.trim() ?? '';
        }),
      );
    }
    expect(await page.locator(':root[data-idle]').count()).toBe(0);
    expect(reached).toEqual(
      expect.arrayContaining([
        'Statistics',
        'Full screen',
        'Help and keyboard shortcuts',
        'Strength',
        'Pause',
        'Record',
      ]),
    );
    const controls = page.locator('button:visible, input:visible, select:visible, [role=slider]:visible');
    for (const control of await controls.all()) {
      const snapshot = await control.ariaSnapshot();
      expect(snapshot).toMatch(/^- (button|radio|slider|combobox|checkbox) "[^"]+"/);
    }
    await page.getByRole('img', { name: /^Live picture: / }).waitFor();
    await page.getByRole('heading', { name: /vid2vid/ }).waitFor();
  });

  test('a phone shows all of it, and nothing beside', async () => {
    const { page } = await watch({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    for (const control of await page.locator('button:visible, #strength, .switch label').all()) {
      const box = await control.boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
    }
    await page.getByRole('button', { name: 'Compare with the original' }).tap();
    expect(await page.getByRole('slider', { name: /Divider/ }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Help' }).tap();
    const help = page.getByRole('dialog', { name: 'Help' });
    await help.getByText('Save a snapshot').waitFor();
    expect(await help.locator('kbd:visible, :text("Strength"):visible').count()).toBe(0);
    expect(await help.locator('dt svg:visible').count()).toBe(await help.locator('dd:visible').count());
  });

  test.each([
    ['high', { width: 360, height: 640 }, '#picture'],
    ['on its side', { width: 740, height: 360 }, '.dock'],
  ])('the figures on a phone that is %s cover nothing that is needed', async (_, viewport, covered) => {
    const viewer = await watch({ viewport, isMobile: true, hasTouch: true });
    const { page } = viewer;
    await page.getByRole('button', { name: 'Statistics' }).tap();
    await viewer.passes(5);
    const [figures, other] = [
      await page.locator('#statistics').boundingBox(),
      await page.locator(covered).boundingBox(),
    ];
    expect(figures).not.toBeNull();
    const below = (figures?.y ?? 0) >= (other?.y ?? 0) + (other?.height ?? 0);
    const above = (figures?.y ?? 0) + (figures?.height ?? 0) <= (other?.y ?? 0);
    expect(below || above).toBe(true);
  });

  test('the bare picture for OBS: nothing else is seen', async () => {
    const viewer = await watch({}, undefined, '?clean=1');
    const others = viewer.page.locator('body :is(button, input, p, h1, h2, dl, dialog):visible');
    expect(await others.count()).toBe(0);
    expect(await viewer.page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgba(0, 0, 0, 0)');
  });

  test('a browser without WebCodecs gets its pictures one by one', async () => {
    const viewer = await watch({}, (page) =>
      page.addInitScript(() => {
        Reflect.deleteProperty(globalThis, 'VideoDecoder');
        Reflect.deleteProperty(globalThis, 'VideoEncoder');
      }),
    );
    expect(await viewer.decoder()).toBe('jpeg');
    const before = await viewer.look();
    await viewer.passes(15);
    expect(difference(before, await viewer.look())).toBeGreaterThan(0.5);
    await viewer.press('r');
    await viewer.passes(30);
    const { path } = await viewer.download(() => viewer.press('r'));
    expect(videoOf(path)).toMatchObject({ width: 640, height: 360 });
  });

  test('a browser without OffscreenCanvas draws in the page', async () => {
    const viewer = await watch({}, (page) =>
      page.addInitScript(() => {
        Reflect.deleteProperty(globalThis, 'OffscreenCanvas');
        Reflect.deleteProperty(HTMLCanvasElement.prototype, 'transferControlToOffscreen');
      }),
    );
    expect(await viewer.decoder()).toMatch(/^webcodecs/);
    const { name } = await viewer.download(() => viewer.press('s'));
    expect(name).toMatch(/\.png$/);
  });

  test('it comes back when the server does, with what was chosen', async () => {
    const viewer = await watch();
    const { page } = viewer;
    await page.mouse.move(300, 300);
    await page.getByRole('slider', { name: 'Strength' }).fill('30');
    await viewer.press('d');
    const { port } = server;
    await server.stop();
    await page.getByRole('heading', { name: 'Connection lost' }).waitFor();
    server = await LiveServer.start(clip, '--loop', '--effect', 'day-to-night', '--port', port);
    await viewer.plays();
    expect(await page.getByRole('slider', { name: /Divider/ }).isVisible()).toBe(true);
    await eventually(() => page.getByRole('slider', { name: 'Strength' }).inputValue()).toBe('30');
  });

  test('a film that ends says so', async () => {
    const folder = new MediaFolder();
    const short = folder.file('short.mp4');
    ffmpeg('-i', clip, '-t', '2', '-an', '-c:v', 'libx264', '-preset', 'ultrafast', short);
    const once = await LiveServer.start(short);
    try {
      viewer = await ViewerPage.open(browser, once.url);
      await viewer.page.getByRole('heading', { name: 'The stream has ended' }).waitFor({ timeout: 60_000 });
    } finally {
      await once.stop();
      folder.remove();
    }
  });
});

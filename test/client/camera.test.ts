import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ffmpeg, MediaFolder, realClip, sharedData } from '../support/media.js';
import { browserPath, startBrowser } from './browser.js';
import { LiveServer } from './live-server.js';
import { brightness, difference, eventually, turned, ViewerPage, type Seen } from './viewer-page.js';

const clip = realClip('highway-day-960x540-aac.mp4');

/** Which of the two films a picture is of, by its colours; `neither` where it is of none, or of both. */
function filmOf(seen: Seen): 'red' | 'blue' | 'neither' {
  const [red = 0, blue = 0] = [0, 2].map((channel) => {
    return seen.reduce((sum, point) => sum + (point[channel] ?? 0), 0) / seen.length;
  });
  return red > 40 && red > 2 * blue ? 'red' : blue > 40 && blue > 2 * red ? 'blue' : 'neither';
}

describe.skipIf(browserPath === undefined || sharedData === undefined)("the viewer's own camera", () => {
  const folder = new MediaFolder();
  const films = {
    red: folder.file('red.mjpeg'),
    blue: folder.file('blue.mjpeg'),
    day: folder.file('day.mjpeg'),
  };
  let red: Browser;
  let blue: Browser;
  let server: LiveServer;

  beforeAll(async () => {
    // One real drive, under two skies that can't be taken for each other.
    const film = (mixer: string, path: string) => {
      // Chromium's fake camera shows nothing of chroma that isn't halved.
      const filters = `scale=640:360,colorchannelmixer=${mixer},format=yuvj420p`;
      ffmpeg('-i', clip, '-t', '6', '-vf', filters, '-q:v', '4', '-an', path);
    };
    film('bb=0.1:gg=0.4', films.red);
    film('rr=1', films.day);
    film('rr=0.1:gg=0.4', films.blue);
    [red, blue] = await Promise.all([startBrowser({ film: films.red }), startBrowser({ film: films.blue })]);
    // At strength 0 the translation is the picture itself: colours tell whose it is. Small, since two are translated at once.
    server = await LiveServer.start('--strength', '0', '--size', '320x180');
  });
  afterAll(async () => {
    await Promise.all([red.close(), blue.close()]);
    await server.stop();
    folder.remove();
  });

  async function open(browser: Browser, url = server.url): Promise<ViewerPage> {
    return await ViewerPage.open(browser, url, { permissions: ['camera'] });
  }

  test('two pages with two cameras never see each other', async () => {
    const pages = await Promise.all([open(red), open(blue)]);
    for (const { page } of pages) {
      await page.getByRole('button', { name: 'Use my camera' }).click();
    }
    for (const viewer of pages) {
      await viewer.plays();
    }
    let seen = await Promise.all(pages.map((viewer) => viewer.look()));
    for (let i = 0; i < 20; i++) {
      expect(seen.map(filmOf)).toEqual(['red', 'blue']);
      seen = await Promise.all(pages.map((viewer, index) => viewer.another(seen[index] ?? [])));
    }
    for (const viewer of pages) {
      expect(viewer.errors).toEqual([]);
      await viewer.close();
    }
  });

  test('its original beside its translation, in a mirror, at a delay that is told', async () => {
    await using browser = await startBrowser({ film: films.day });
    const viewer = await open(browser);
    const { page } = viewer;
    await page.getByRole('button', { name: 'Use my camera' }).click();
    await viewer.plays();
    await page.getByRole('slider', { name: 'Strength' }).fill('100');
    await viewer.press('d');
    await eventually(async () => {
      const seen = await viewer.look();
      return brightness(seen, 0, 0.48) / brightness(seen, 0.52, 1);
    }).toBeGreaterThan(1.3);
    await viewer.press('d');

    const mirror = page.getByRole('button', { name: 'Mirror my camera' });
    expect(await mirror.getAttribute('aria-pressed')).toBe('true');
    // The strength's slider has the focus, and Space is its own there.
    await viewer.press('k');
    const mirrored = await viewer.still();
    await viewer.press('m');
    // A picture that was on its way when it was paused may have come after the one that was seen, and isn't turned yet.
    await eventually(async () => {
      const plain = await viewer.look();
      return difference(mirrored, turned(plain)) / difference(mirrored, plain);
    }).toBeLessThan(1 / 3);

    await viewer.press('k', 'i');
    await eventually(() => page.locator('[data-statistic=delay]').textContent()).toMatch(/^\d+ \/ \d+ ms$/);
    expect(viewer.errors).toEqual([]);
  });

  test('a browser without WebCodecs sends and gets pictures one by one', async () => {
    const viewer = await ViewerPage.open(blue, server.url, { permissions: ['camera'] }, (page) =>
      page.addInitScript(() => {
        for (const name of ['VideoDecoder', 'VideoEncoder', 'MediaStreamTrackProcessor']) {
          Reflect.deleteProperty(globalThis, name);
        }
      }),
    );
    await viewer.page.getByRole('button', { name: 'Use my camera' }).click();
    await viewer.plays();
    expect(await viewer.decoder()).toBe('jpeg');
    expect(filmOf(await viewer.look())).toBe('blue');
    expect(viewer.errors).toEqual([]);
    await viewer.close();
  });

  test('a room: one camera, shared on purpose', async () => {
    const url = new URL('?room=kitchen', server.url).href;
    const [sharing, watching] = await Promise.all([open(red, url), open(blue, url)]);
    await watching.page.getByRole('heading', { name: 'Nobody is in “kitchen” yet' }).waitFor();
    expect(await watching.page.locator('#status-text').textContent()).toBe('Ready');
    await sharing.page.getByRole('button', { name: 'Share my camera' }).click();
    await sharing.plays();
    await watching.plays();
    expect(filmOf(await watching.look())).toBe('red');
    await Promise.all([sharing.close(), watching.close()]);
  });

  test('unplugged while it plays: the page says so, the server lets go of it, and it can be plugged in again', async () => {
    const viewer = await ViewerPage.open(blue, server.url, { permissions: ['camera'] }, (page) =>
      page.addInitScript(() => {
        const media = navigator.mediaDevices;
        const open = media.getUserMedia.bind(media);
        media.getUserMedia = async (constraints) => {
          const stream = await open(constraints);
          addEventListener('unplug', () => {
            const [track] = stream.getVideoTracks();
            track?.stop();
            track?.dispatchEvent(new Event('ended'));
          });
          return stream;
        };
      }),
    );
    const { page } = viewer;
    const cameras = async () =>
      /^vid2vid_turbo_cameras (\d+)$/m.exec(await (await fetch(`${server.url}metrics`)).text())?.[1];
    await page.getByRole('button', { name: 'Use my camera' }).click();
    await viewer.plays();
    expect(await cameras()).toBe('1');
    await page.evaluate(() => dispatchEvent(new Event('unplug')));
    await page.getByRole('heading', { name: 'The camera is gone' }).waitFor();
    await eventually(cameras).toBe('0');
    await page.getByRole('button', { name: 'Try again' }).click();
    await viewer.plays();
    expect(filmOf(await viewer.look())).toBe('blue');
    expect(viewer.errors).toEqual([]);
    await viewer.close();
  });

  test('no camera, or none allowed: the page says what to do', async () => {
    await using bare = await startBrowser();
    const viewer = await ViewerPage.open(bare, server.url);
    const { page } = viewer;
    await page.getByRole('button', { name: 'Use my camera' }).click();
    await page.getByRole('heading', { name: 'No camera found' }).waitFor();
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));
    });
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'The camera is blocked' }).waitFor();
    expect(viewer.errors).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';

import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Points of a picture that are looked at, across and down. */
const grid = { width: 32, height: 18 };

/** A picture as the page shows it, coarse: red, green and blue of each point of a grid. */
export type Seen = readonly (readonly [red: number, green: number, blue: number])[];

/** How bright a picture is on average, 0 to 255; of a part of its width where one is given. */
export function brightness(seen: Seen, from = 0, to = 1): number {
  const part = seen.filter((_, index) => {
    const at = ((index % grid.width) + 0.5) / grid.width;
    return at > from && at < to;
  });
  return part.reduce((sum, [red, green, blue]) => sum + (red + green + blue) / 3, 0) / part.length;
}

/** A picture as a mirror shows it. */
export function turned(seen: Seen): Seen {
  const rows = Array.from({ length: grid.height }, (_, row) => seen.slice(row * grid.width, (row + 1) * grid.width));
  return rows.flatMap((row) => row.reverse());
}

/** Expects something of what a page will be like before long. */
export function eventually<Value>(get: () => Value | Promise<Value>, interval = 100) {
  return expect.poll(get, { timeout: 60_000, interval });
}

/** Mean difference of two pictures' points, 0 to 255. */
export function difference(one: Seen, other: Seen): number {
  const sum = one.reduce((total, colour, index) => {
    return total + colour.reduce((part, value, channel) => part + Math.abs(value - (other[index]?.[channel] ?? 0)), 0);
  }, 0);
  return sum / one.length / 3;
}

/** The viewer page in a browser window of its own. */
export class ViewerPage {
  /** Errors that the page ran into; a test that ends with some has failed. */
  readonly errors: string[] = [];
  readonly page: Page;
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      // A connection that fails is told by the browser itself, and is what some tests are about.
      if (message.type() === 'error' && !/WebSocket|ERR_CONNECTION/.test(message.text())) {
        this.errors.push(message.text());
      }
    });
  }

  /** Opens a page in a window, `before` anything of it runs. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
    before: (page: Page) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<ViewerPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const viewer = new ViewerPage(context, await context.newPage());
    await before(viewer.page);
    await viewer.page.goto(url);
    return viewer;
  }

  /** Waits until a good many pictures were shown since now, and the card that tells of troubles is gone. */
  async plays(): Promise<void> {
    await this.page.waitForSelector('#picture[data-playing]', { timeout: 60_000 });
    await this.passes(10);
    await this.page.waitForSelector('#notice', { state: 'hidden' });
  }

  /** Waits until so many more pictures were shown. */
  async passes(pictures: number): Promise<void> {
    const before = await this.shown();
    await eventually(() => this.shown()).toBeGreaterThan(before + pictures);
  }

  /** Waits until another picture is seen than one that was, and gives it. */
  async another(before: Seen): Promise<Seen> {
    let seen = before;
    await eventually(async () => {
      seen = await this.look();
      return difference(before, seen);
    }, 50).toBeGreaterThan(0);
    return seen;
  }

  /** Waits until the picture stands, and gives it. */
  async still(): Promise<Seen> {
    let seen = await this.look();
    await eventually(async () => {
      const before = seen;
      seen = await this.look();
      return difference(before, seen);
    }, 1000).toBe(0);
    return seen;
  }

  /** Pictures shown so far; the page counts them once a second. */
  async shown(): Promise<number> {
    return Number(await this.page.getAttribute('#picture', 'data-shown'));
  }

  /** What decodes. */
  async decoder(): Promise<string | null> {
    return await this.page.getAttribute('#picture', 'data-decoder');
  }

  /** What the page said last in passing. */
  async said(): Promise<string | null> {
    return await this.page.locator('#toast').textContent();
  }

  /** What is on the canvas now. */
  async look(): Promise<Seen> {
    const bytes = await this.page.evaluate(({ width, height }) => {
      const copy = Object.assign(document.createElement('canvas'), { width, height });
      const context = copy.getContext('2d');
      const canvas = document.querySelector('canvas');
      if (context === null || canvas === null) {
        return [];
      }
      context.imageSmoothingQuality = 'high';
      context.drawImage(canvas, 0, 0, width, height);
      return [...context.getImageData(0, 0, width, height).data];
    }, grid);
    return Array.from({ length: grid.width * grid.height }, (_, index) => {
      const [red = 0, green = 0, blue = 0] = bytes.slice(index * 4, index * 4 + 3);
      return [red, green, blue] as const;
    });
  }

  /** Presses the keys that the page's help lists, one after the other. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.page.keyboard.press(key);
    }
  }

  /** Saves what an action downloads, and gives its suggested name and bytes. */
  async download(
    action: () => Promise<void>,
  ): Promise<{ readonly name: string; readonly path: string; readonly bytes: Buffer }> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), action()]);
    const path = await download.path();
    return { name: download.suggestedFilename(), path, bytes: readFileSync(path) };
  }

  async close(): Promise<void> {
    await this.#context.close();
  }
}

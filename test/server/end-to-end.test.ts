import { writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { serve, type LiveServer, type ServeOptions } from '../../dist/index.js';
import { encodeMediaMessage } from '../../dist/server/protocol.js';
import { exactModel, ffmpeg, ffmpegChildren, MediaFolder, realClip, sharedData } from '../support/media.js';
import { expectLeftovers, settledLeftovers } from './support/leftovers.js';
import { TestPage } from './support/test-page.js';

const folder = new MediaFolder();
let model: string;

beforeAll(() => {
  model = exactModel(folder);
});
afterAll(() => folder.remove());

/** Serves with a network that costs next to nothing: pictures come out as their negatives. */
async function start(options: ServeOptions): Promise<LiveServer> {
  return serve({ port: 0, model, size: '320x180', ...options });
}

async function watch(server: LiveServer, codec: 'h264' | 'jpeg' = 'h264'): Promise<TestPage> {
  const page = await TestPage.connect(server.port);
  page.hello();
  page.send({ type: 'watch', tracks: ['translated'], codec });
  return page;
}

/** Mean brightness of the last of a page's pictures, 0 to 255. */
function brightness(page: TestPage): number {
  const lastKey = page.pictures.findLastIndex(({ header }) => header.key);
  const format = page.pictures[lastKey]?.header.codec === 'jpeg' ? 'mjpeg' : 'h264';
  const coded = folder.file(`seen.${format}`);
  writeFileSync(coded, Buffer.concat(page.pictures.slice(lastKey).map(({ payload }) => payload)));
  const grey = ffmpeg('-f', format, '-i', coded, '-vf', 'format=gray', '-f', 'rawvideo', '-');
  return grey.reduce((sum, value) => sum + value, 0) / grey.length;
}

/** Access units of a grey picture of the given brightness, every tenth a key, as a browser would send them. */
function cameraUnits(level: number, count: number): Buffer[] {
  const colour = `color=0x${level.toString(16).padStart(2, '0').repeat(3)}:size=320x180:rate=25:duration=${count / 25}`;
  const x264 = ['-tune', 'zerolatency', '-profile:v', 'baseline', '-x264-params', 'aud=1:keyint=10:repeat-headers=1'];
  const coded = ffmpeg(
    '-f',
    'lavfi',
    '-i',
    colour,
    '-c:v',
    'libx264',
    '-pix_fmt',
    'yuv420p',
    ...x264,
    '-f',
    'h264',
    '-',
  );
  const delimiter = Buffer.from([0, 0, 0, 1, 9]);
  const starts: number[] = [];
  for (let at = coded.indexOf(delimiter); at >= 0; at = coded.indexOf(delimiter, at + 1)) {
    starts.push(at);
  }
  return starts.map((at, index) => coded.subarray(at, starts[index + 1]));
}

/** Sends a camera's pictures at its pace, each when there is credit for it. */
async function show(page: TestPage, units: readonly Buffer[]): Promise<void> {
  let credit = 0;
  for (const [index, unit] of units.entries()) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    while (credit === 0) {
      credit += (await page.next('credit')).frames;
    }
    credit -= 1;
    page.socket.send(
      encodeMediaMessage(
        {
          ...{ codec: 'h264', track: 'source', key: index % 10 === 0, discontinuity: false, sequence: index },
          ...{ timestampMicroseconds: index * 40_000, captureTimeMilliseconds: 5000 + index, width: 320, height: 180 },
        },
        unit,
      ),
    );
  }
}

const camera = { type: 'camera-start', codec: 'h264', width: 320, height: 180, frameRate: 25 } as const;

/** Makes a clip of one brightness. */
function greyClip(name: string, level: number, seconds: number): string {
  const grey = `0x${level.toString(16).padStart(2, '0').repeat(3)}`;
  const path = folder.file(name);
  ffmpeg('-f', 'lavfi', '-i', `color=${grey}:size=320x180:rate=25:duration=${seconds}`, '-pix_fmt', 'yuv420p', path);
  return path;
}

describe('with real translations', () => {
  test('a file is seen translated, as H.264 and as JPEG, at its own pace', async () => {
    await using server = await start({ source: greyClip('dark.mp4', 40, 2), loop: true });
    const [video, pictures] = [await watch(server), await watch(server, 'jpeg')];
    await Promise.all([video.gets(30), pictures.gets(10)]);
    expect(brightness(video)).toBeCloseTo(255 - 40, -1);
    expect(brightness(pictures)).toBeCloseTo(255 - 40, -1);
    const times = video.pictures.map(({ header }) => header.timestampMicroseconds);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    video.terminate();
    pictures.terminate();
  });

  test('strength is changed while it plays', async () => {
    await using server = await start({ source: greyClip('dim.mp4', 60, 2), loop: true });
    const page = await watch(server);
    await page.gets(5);
    page.send({ type: 'strength', value: 0 });
    await page.until(() => brightness(page) < 100, 'a picture that is not translated');
    page.terminate();
  });

  test('two cameras are translated apart, and each page sees its own', async () => {
    await using server = await start({});
    const pages = await Promise.all([watch(server), watch(server)]);
    pages.forEach((page) => page.send(camera));
    await Promise.all([show(pages[0], cameraUnits(30, 40)), show(pages[1], cameraUnits(200, 40))]);
    await Promise.all(pages.map((page) => page.gets(20)));
    expect(brightness(pages[0])).toBeCloseTo(255 - 30, -1);
    expect(brightness(pages[1])).toBeCloseTo(255 - 200, -1);
    // The page's own clock comes back, so that it can tell the delay.
    expect(pages[0].pictures[0]?.header.captureTimeMilliseconds).toBeGreaterThanOrEqual(5000);
    expect(pages[0].pictures[0]?.header.captureTimeMilliseconds).toBeLessThan(5040);
    pages.forEach((page) => page.terminate());
  });
});

describe('faults', () => {
  test('ffmpeg is killed: viewers are told, and pictures come again', async () => {
    await using server = await start({ source: greyClip('grey.mp4', 90, 4), loop: true });
    const page = await watch(server);
    await page.gets(10);
    page.messages.length = 0;
    ffmpegChildren().forEach((line) => process.kill(Number(line.trim().split(/\s+/)[0]), 'SIGKILL'));
    await page.until(
      () => page.messages.some((one) => one.type === 'status' && one.state === 'reconnecting'),
      'the news',
    );
    await page.until(() => page.messages.some((one) => one.type === 'status' && one.state === 'live'), 'the good news');
    const before = page.pictures.length;
    await page.gets(before + 10);
    page.terminate();
  });

  test('a file that is over is told, and the server stays', async () => {
    await using server = await start({ source: greyClip('short.mp4', 90, 1) });
    const page = await watch(server);
    await page.until(() => page.messages.some((one) => one.type === 'status' && one.state === 'ended'), 'the end');
    const late = await watch(server);
    expect(await late.next('status')).toMatchObject({ state: 'ended' });
    [page, late].forEach((one) => one.terminate());
  });

  test("a camera's pictures are rubbish: the page is told, and can begin again", async () => {
    await using server = await start({});
    const page = await watch(server);
    page.send(camera);
    const rubbish = Array.from({ length: 4 }, (_, index) => Buffer.alloc(500, index + 1));
    await show(page, rubbish.slice(0, 2));
    page.send({ type: 'camera-stop' });
    await page.settle();
    page.messages.length = 0;
    page.send(camera);
    await show(page, cameraUnits(30, 40));
    await page.gets(5);
    page.terminate();
  });

  test.skipIf(sharedData === undefined)('viewers and cameras come and go: nothing is left behind', async () => {
    const units = cameraUnits(80, 10);
    const comeAndGo = async () => {
      await using server = await start({ source: realClip('highway-day-960x540-aac.mp4'), loop: true });
      for (let index = 0; index < 5; index++) {
        const page = await watch(server, index % 2 === 0 ? 'h264' : 'jpeg');
        if (index === 3) {
          page.send(camera);
          await show(page, units);
        }
        await page.gets(3);
        page.terminate();
      }
    };
    // What is loaded once and stays (sharp's threads, the log) is loaded before anything is counted.
    await comeAndGo();
    const before = await settledLeftovers();
    await comeAndGo();
    await expectLeftovers(before);
  });
});

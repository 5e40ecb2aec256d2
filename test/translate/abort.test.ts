import { readdirSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { translateFile } from '../../dist/index.js';
import { exactModel, ffmpeg, ffmpegChildren, ffmpegs, MediaFolder } from '../support/media.js';
import { runProgram } from '../support/child-program.js';
import { movingPicture, quickVideo } from '../support/media-samples.js';

const folder = new MediaFolder();
let model: string;
let clip: string;
beforeAll(() => {
  model = exactModel(folder);
  clip = folder.file('long.mp4');
  const sound = ['-f', 'lavfi', '-i', 'sine=duration=20'];
  ffmpeg(...movingPicture('640x360', 25, 20), ...sound, ...quickVideo, '-c:a', 'aac', clip);
});
afterAll(() => folder.remove());

/** What is in the folder beside what the tests put there. */
function written(): string[] {
  return readdirSync(folder.path).filter(
    (name) => !['exact-model', 'long.mp4', 'aborting.mjs', 'frames'].includes(name),
  );
}

describe.each(ffmpegs)('stopped by its signal, $name ffmpeg', ({ path }) => {
  test.each([1, 30])('after %i frames: rejects, and nothing is left', async (frames) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const running = translateFile(clip, folder.file('out.mp4'), {
      ...{ model, device: 'cpu', ffmpeg: path, signal: stop.signal },
      onProgress: ({ framesOut }) => {
        if (framesOut >= frames) {
          expect(ffmpegChildren().length).toBeGreaterThan(0);
          stop.abort(reason);
        }
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'CanceledError', code: 'canceled' });
    expect(ffmpegChildren()).toEqual([]);
    expect(written()).toEqual([]);
  });

  test('at any moment of the start', async () => {
    for (const milliseconds of [0, 20, 60, 120, 250, 400]) {
      const running = translateFile(clip, folder.file('out.mp4'), {
        ...{ model, device: 'cpu', ffmpeg: path, signal: AbortSignal.timeout(milliseconds) },
      });
      await expect(running).rejects.toMatchObject({ name: 'CanceledError', code: 'canceled' });
      expect(ffmpegChildren()).toEqual([]);
      expect(written()).toEqual([]);
    }
  });

  test('before the start: nothing is even looked at', async () => {
    const running = translateFile('nowhere.mp4', 'nothing.mp4', { model, ffmpeg: path, signal: AbortSignal.abort() });
    await expect(running).rejects.toMatchObject({ name: 'CanceledError', code: 'canceled' });
  });

  test('while pictures are written: their folder is left as it was', async () => {
    const stop = new AbortController();
    const running = translateFile(clip, folder.file('frames/%05d.jpg'), {
      ...{ model, device: 'cpu', ffmpeg: path, signal: stop.signal },
      onProgress: () => stop.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'canceled' });
    expect(readdirSync(folder.file('frames'))).toEqual([]);
    expect(ffmpegChildren()).toEqual([]);
  });

  test('a program ends by itself afterwards', async () => {
    const program = folder.file('aborting.mjs');
    writeFileSync(
      program,
      `import { translateFile } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const stop = new AbortController();
      await translateFile(${JSON.stringify(clip)}, ${JSON.stringify(folder.file('out.mp4'))}, {
        model: ${JSON.stringify(model)}, device: 'cpu', ffmpeg: ${JSON.stringify(path)}, signal: stop.signal,
        onProgress: ({ framesOut }) => framesOut > 10 && stop.abort(),
      }).catch((error) => console.log(error.code));`,
    );
    const ending = await runProgram(new URL(`file://${program}`));
    expect(ending).toEqual({ exitCode: 0, signal: undefined, stdout: 'canceled', stderr: '' });
    expect(readdirSync(folder.path).sort()).toEqual(['aborting.mjs', 'exact-model', 'frames', 'long.mp4']);
  });
});

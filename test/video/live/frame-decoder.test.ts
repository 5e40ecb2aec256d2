import { mkdirSync, readdirSync } from 'node:fs';

import { afterAll, afterEach, expect, test, vi } from 'vitest';

import { probeCapabilities } from '../../../dist/video/ffmpeg/capabilities.js';
import { FrameDecoder } from '../../../dist/video/live/frame-decoder.js';
import { ffmpegs, MediaFolder } from '../../support/media.js';

const folder = new MediaFolder();
afterEach(() => vi.unstubAllEnvs());
afterAll(() => folder.remove());

test('a decoder that is closed before it was needed leaves no folder behind', async () => {
  const place = folder.file('temporary');
  mkdirSync(place);
  vi.stubEnv('TMPDIR', place);
  const program = ffmpegs[0]?.path ?? 'ffmpeg';
  const decoder = await FrameDecoder.spawn({
    ...{ program, capabilities: await probeCapabilities(program), name: 'the clip' },
    ...{ url: 'test/media/street-drive.mp4', options: [], map: '0:v:0', filters: 'format=rgb24' },
    ...{ openTimeout: 10_000, stallTimeout: 10_000 },
  });
  expect(readdirSync(place)).toHaveLength(1);
  await decoder.close();
  expect(readdirSync(place)).toEqual([]);
});

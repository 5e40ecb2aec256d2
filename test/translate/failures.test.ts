import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { translateFile, Vid2VidError, type TranslateOptions } from '../../dist/index.js';
import { exactModel, ffmpeg, ffmpegChildren, ffmpegs, frameTimes, MediaFolder } from '../support/media.js';
import { makeSample, movingPicture, quickVideo } from '../support/media-samples.js';

const folder = new MediaFolder();
const out = folder.file('out.mp4');
let model: string;
let clip: string;
let long: string;

beforeAll(() => {
  model = exactModel(folder);
  clip = makeSample(folder.file('clip.mp4'));
  long = folder.file('long.mp4');
  ffmpeg(...movingPicture('320x180', 25, 4), ...quickVideo, '-crf', '10', '-g', '25', long);
  mkdirSync(folder.file('a-folder'));
});
afterEach(async () => {
  const written = existsSync(out);
  rmSync(out, { force: true });
  expect(written).toBe(false);
  expect(folder.leftovers).toEqual([]);
  // Questions to ffmpeg about itself may still be answered.
  await expect.poll(() => ffmpegChildren(), { timeout: 10_000 }).toEqual([]);
});
afterAll(() => folder.remove());

/** The error of a translation that has to fail. */
async function failureOf(input: string, output = out, options: TranslateOptions = {}): Promise<Vid2VidError> {
  const settings = { ...{ model, strength: 0, device: 'cpu' as const }, ...options };
  const outcome: unknown = await translateFile(input, output, settings).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(Vid2VidError);
  const error = outcome as Vid2VidError;
  // One clear line, ready to print.
  expect(error.message).toMatch(/^(["A-Z/]|options)[^\n]*[.?]$/);
  expect(error.remedy ?? 'Nothing.').toMatch(/^["A-Z][^\n]*$/);
  return error;
}

/** A file with the given content. */
function fileOf(name: string, content: string | Uint8Array): string {
  const file = folder.file(name);
  writeFileSync(file, content);
  return file;
}

/** The first part of a file. */
function cutOff(from: string, name: string, share: number): string {
  const bytes = readFileSync(from);
  return fileOf(name, bytes.subarray(0, Math.round(bytes.length * share)));
}

describe.each(ffmpegs)('bad input, $name ffmpeg', ({ path }) => {
  const options = { ffmpeg: path };
  const notVideo = { name: 'InputError', code: 'input-not-video' };

  test('a text', async () => {
    const input = fileOf('text.mp4', 'This is no video.\n'.repeat(50));
    expect(await failureOf(input, out, options)).toMatchObject({
      name: 'InputError',
      code: expect.stringMatching(/^input-(not-video|truncated)$/) as string,
      message: expect.stringContaining(`"${input}" is not a`) as string,
    });
  });

  test('random bytes', async () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);
    expect(await failureOf(fileOf('noise.mp4', bytes), out, options)).toMatchObject({
      name: 'InputError',
      code: expect.stringMatching(/^input-(not-video|truncated)$/) as string,
    });
  });

  test('an empty file, a folder, a file that is not there', async () => {
    const empty = fileOf('empty.mp4', '');
    expect(await failureOf(empty, out, options)).toMatchObject({ ...notVideo, message: `"${empty}" is empty.` });
    expect(await failureOf(folder.file('a-folder'), out, options)).toMatchObject({
      ...notVideo,
      message: `"${folder.file('a-folder')}" is a folder.`,
    });
    expect(await failureOf(folder.file('none.mp4'), out, options)).toMatchObject({
      code: 'input-not-found',
      message: `"${folder.file('none.mp4')}" does not exist.`,
    });
  });

  test('sound alone', async () => {
    const input = folder.file('sound.m4a');
    ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac', input);
    expect(await failureOf(input, out, options)).toMatchObject({
      ...notVideo,
      message: `"${input}" has no video stream, only audio.`,
    });
  });

  test('sound with a cover', async () => {
    const input = folder.file('cover.m4a');
    const sound = ['-f', 'lavfi', '-i', 'sine=duration=1', '-f', 'lavfi', '-i', 'color=red:size=32x32:duration=0.04'];
    const cover = ['-frames:v', '1', '-c:v', 'png', '-disposition:v', 'attached_pic'];
    ffmpeg(...sound, '-map', '0', '-map', '1', '-c:a', 'aac', ...cover, '-f', 'mp4', input);
    expect(await failureOf(input, out, options)).toMatchObject(notVideo);
  });

  test('a start behind the end: no frames', async () => {
    const error = await failureOf(clip, out, { ...options, start: 60 });
    expect(error).toMatchObject({ ...notVideo, remedy: expect.stringContaining('--start') as string });
  });

  test('an MP4 whose index was to come last', async () => {
    const input = cutOff(clip, 'index-last.mp4', 0.6);
    expect(await failureOf(input, out, options)).toMatchObject({
      name: 'InputError',
      code: 'input-truncated',
      message: `"${input}" is not a whole video: its index is missing.`,
    });
  });

  test.each([
    ['an MP4 whose index comes first', 'mp4', ['-movflags', '+faststart']],
    ['a Matroska file', 'mkv', []],
    ['an AVI', 'avi', []],
  ])('%s cut off: an error, unless that is said to be fine', async (_, extension, how) => {
    const whole = folder.file(`whole.${extension}`);
    ffmpeg('-i', long, '-c', 'copy', ...how, whole);
    const input = cutOff(whole, `cut.${extension}`, 0.6);
    const error = await failureOf(input, out, options);
    expect(error).toMatchObject({
      name: 'InputError',
      code: 'input-truncated',
      remedy: expect.stringContaining('--allow-truncated') as string,
    });
    expect(error.message).toMatch(/is cut off: \d+ of about \d+ frames could be read\.$/);

    const notices: string[] = [];
    const part = folder.file('part.mkv');
    const summary = await translateFile(input, part, {
      ...{ ...options, model, strength: 0, device: 'cpu', allowTruncated: true, overwrite: true },
      onNotice: (notice) => notices.push(notice),
    });
    expect(summary.framesOut).toBeGreaterThan(20);
    expect(summary.framesOut).toBeLessThan(90);
    expect(frameTimes(part)).toHaveLength(summary.framesOut);
    expect(notices).toContainEqual(expect.stringContaining('is cut off'));
  });

  test('an encoder that it has not', async () => {
    expect(await failureOf(clip, out, { ...options, codec: 'libx256' })).toMatchObject({
      name: 'FfmpegError',
      code: 'encoder-missing',
      remedy: expect.stringMatching(/^Did you mean .*libx26[45]/) as string,
    });
  });

  test('a hardware encoder without its hardware', async ({ skip }) => {
    skip(!String(spawnSync(path, ['-hide_banner', '-encoders']).stdout).includes('h264_vaapi'), 'not built in');
    skip(existsSync('/dev/dri'), 'this machine has such hardware');
    expect(await failureOf(clip, out, { ...options, codec: 'h264_vaapi' })).toMatchObject({
      code: 'encoder-missing',
      remedy: expect.stringContaining('--codec') as string,
    });
  });

  test('a codec that the container does not take', async () => {
    expect(await failureOf(clip, folder.file('no.webm'), { ...options, codec: 'libx264' })).toMatchObject({
      name: 'OutputError',
      code: 'output-unsupported',
    });
  });
});

describe('what ffmpeg is not needed for', () => {
  test('an effect that is not there: the nearest is named', async () => {
    const error = await failureOf(clip, out, { model: undefined, effect: 'day-to-nite' });
    expect(error).toMatchObject({ name: 'ModelError', code: 'effect-unknown' });
    expect(`${error.message} ${error.remedy ?? ''}`).toContain('Did you mean "day-to-night"?');
  });

  test('a model that is not there', async () => {
    expect(await failureOf(clip, out, { model: folder.file('no-model') })).toMatchObject({
      name: 'ModelError',
      code: 'model-not-found',
    });
  });

  test('a model in which one bit is wrong', async () => {
    const other = new MediaFolder();
    onTestFinished(() => other.remove());
    const spoiled = exactModel(other);
    const graph = readFileSync(join(spoiled, 'model.onnx'));
    graph[100] = (graph[100] ?? 0) ^ 1;
    writeFileSync(join(spoiled, 'model.onnx'), graph);
    const error = await failureOf(clip, out, { model: spoiled });
    expect(error).toMatchObject({ name: 'ModelError', code: 'model-invalid' });
    expect(error.message).toMatch(/sha256|checksum/i);
  });

  test('an output of no known kind: the nearest is named', async () => {
    const error = await failureOf(clip, folder.file('out.mp5'));
    expect(error.remedy).toContain('Did you mean ".mp4"?');
    const picture = await failureOf(clip, folder.file('out.png'));
    expect(picture.remedy).toContain('%05d.png');
  });

  test('an output that is there, that is the input, that is a folder, whose folder is missing', async () => {
    const there = fileOf('there.mp4', 'mine');
    expect(await failureOf(clip, there)).toMatchObject({ name: 'OutputError', code: 'output-exists' });
    expect(readFileSync(there, 'utf8')).toBe('mine');
    expect(await failureOf(clip, clip)).toMatchObject({ code: 'output-exists' });
    mkdirSync(folder.file('dir.mp4'), { recursive: true });
    expect(await failureOf(clip, folder.file('dir.mp4'), { overwrite: true })).toMatchObject({
      code: 'output-unwritable',
      message: `"${folder.file('dir.mp4')}" is a folder.`,
    });
    expect(await failureOf(clip, folder.file('none/out.mp4'))).toMatchObject({
      code: 'output-unwritable',
      message: `The folder of "${folder.file('none/out.mp4')}" does not exist.`,
    });
  });

  test('--overwrite onto the input itself: it is whole or replaced, never lost', async () => {
    const same = folder.file('same.mp4');
    copyFileSync(clip, same);
    await translateFile(same, same, { model, strength: 0, device: 'cpu', overwrite: true });
    expect(frameTimes(same)).toHaveLength(25);
  });

  test('an ffmpeg that is not there, or is none', async () => {
    expect(await failureOf(clip, out, { ffmpeg: folder.file('no-ffmpeg') })).toMatchObject({
      name: 'FfmpegError',
      code: 'ffmpeg-not-found',
      message: `"${folder.file('no-ffmpeg')}" does not exist.`,
    });
    const none = fileOf('none.sh', '#!/bin/sh\necho "I am something else"\n');
    chmodSync(none, 0o755);
    expect(await failureOf(clip, out, { ffmpeg: none })).toMatchObject({
      code: 'ffmpeg-not-found',
      message: `"${none}" is not an ffmpeg that runs.`,
    });
  });

  test('FFMPEG_PATH that leads nowhere', async () => {
    const before = process.env.FFMPEG_PATH;
    process.env.FFMPEG_PATH = folder.file('no-ffmpeg');
    try {
      expect(await failureOf(clip)).toMatchObject({
        code: 'ffmpeg-not-found',
        remedy: expect.stringContaining('FFMPEG_PATH') as string,
      });
    } finally {
      if (before === undefined) {
        delete process.env.FFMPEG_PATH;
      } else {
        process.env.FFMPEG_PATH = before;
      }
    }
  });

  test('an option that can not be right', async () => {
    for (const wrong of [{ strength: 2 }, { size: 'huge' }, { start: 'soon' }, { crf: -1 }, { nonsense: 1 }]) {
      const error = await failureOf(clip, out, wrong);
      expect(error).toMatchObject({ name: 'UsageError', code: 'usage' });
      expect(error.message).toContain('options');
    }
  });
});

describe('permissions', () => {
  // The superuser may read everything, so somebody else has to try.
  const asNobody = process.getuid?.() === 0;

  test('a file that may not be read, a folder that may not be written to', ({ skip }) => {
    skip(process.platform === 'win32', 'has no such permissions');
    const secret = fileOf('secret.mp4', readFileSync(clip));
    chmodSync(secret, 0o000);
    mkdirSync(folder.file('closed'));
    chmodSync(folder.file('closed'), 0o555);
    chmodSync(folder.path, 0o755);
    const program = fileOf(
      'as-nobody.mjs',
      `import { translateFile } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      ${asNobody ? 'process.setgid(65534); process.setuid(65534);' : ''}
      const codes = [];
      const note = (error) => codes.push(error.code);
      const options = { model: ${JSON.stringify(model)}, strength: 0, device: 'cpu' };
      await translateFile(${JSON.stringify(secret)}, '/tmp/never.mp4', options).catch(note);
      await translateFile(${JSON.stringify(clip)}, ${JSON.stringify(folder.file('closed/out.mp4'))}, options).catch(note);
      console.log(codes.join());`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', cwd: folder.path });
    chmodSync(folder.file('closed'), 0o755);
    skip(stderr.includes('EACCES') && stderr.includes('dist'), 'SKIPPED: the checkout may not be read by others');
    expect({ stdout, stderr }).toEqual({ stdout: 'input-unreadable,output-unwritable\n', stderr: '' });
    expect(readdirSync(folder.file('closed'))).toEqual([]);
  });
});

describe('a full disk', () => {
  test('is called that, and nothing is left on it', async ({ skip }) => {
    const disk = folder.file('disk');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;
    if (!mounted) {
      console.warn('SKIPPED: the test of a full disk, which only the superuser can make.');
    }
    skip(!mounted, 'needs the superuser');
    try {
      for (const output of ['out.mp4', 'out.mkv', 'frames/%05d.png']) {
        const error = await failureOf(long, join(disk, output), { size: '1280x720' });
        expect(error).toMatchObject({ name: 'OutputError', code: 'disk-full' });
        expect(readdirSync(disk).filter((name) => name !== 'frames')).toEqual([]);
      }
      expect(readdirSync(join(disk, 'frames'))).toEqual([]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

describe.each(ffmpegs)('a file that names others opens nothing, $name ffmpeg', ({ name, path }) => {
  let requests: string[];
  let base: string;
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.end(readFileSync(clip));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // What the scripts name: it can be read, so that only the refusal keeps it out of the output.
    ffmpeg('-i', clip, '-c', 'copy', folder.file('secret.ts'));
  });
  afterAll(() => {
    server.close();
  });

  const playlist = (entry: string) =>
    `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n${entry}\n#EXT-X-ENDLIST\n`;
  const secret = () => `file://${folder.file('secret.ts')}`;
  const scripts: { what: string; file: string; text: () => string }[] = [
    { what: 'an HLS playlist of the network', file: 'net.m3u8', text: () => playlist(`${base}/a.ts`) },
    { what: 'the same, called .mp4', file: 'net.mp4', text: () => playlist(`${base}/a.ts`) },
    { what: 'an HLS playlist of a file', file: 'local.m3u8', text: () => playlist(secret()) },
    { what: 'the same, called .mp4', file: 'local.mp4', text: () => playlist(secret()) },
    { what: 'a list of ffmpeg', file: 'list.ffconcat', text: () => `ffconcat version 1.0\nfile '${secret()}'\n` },
    { what: 'the same, called .mkv', file: 'list.mkv', text: () => `ffconcat version 1.0\nfile '${base}/a.mp4'\n` },
    {
      what: 'a DASH manifest',
      file: 'dash.mpd',
      text: () =>
        `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000"><BaseURL>${base}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    },
    {
      what: 'a session description',
      file: 'session.sdp',
      text: () =>
        'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    },
  ];

  test.each(scripts)('$what ($file)', async ({ file, text }) => {
    requests = [];
    const input = fileOf(`${name}-${file}`, text());
    const error = await failureOf(input, out, { ffmpeg: path });
    expect(error.name).toBe('InputError');
    expect(error.code).toMatch(/^input-(refused|not-video)$/);
    expect(requests).toEqual([]);
  });

  test.each(['concat:a.mp4|b.mp4', 'lavfi:testsrc', 'subfile:,,start,0,end,9,,:a.mp4', 'data:video/mp4;base64,AAAA'])(
    'the address %s',
    async (input) => {
      expect(await failureOf(input, out, { ffmpeg: path })).toMatchObject({
        name: 'InputError',
        code: 'input-refused',
      });
    },
  );
});

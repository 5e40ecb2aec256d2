import { readFileSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { InputError, ModelError, OutputError, UsageError } from '../../dist/index.js';
import { codecString, isDecodableKey, nalUnits } from '../../dist/video/live/codec-string.js';
import {
  exactModel,
  ffmpeg,
  ffmpegChildren,
  ffmpegs,
  frameTimes,
  MediaFolder,
  meanColours,
  probeFile,
  realClip,
  sharedData,
  videoOf,
} from '../support/media.js';
import { fixture } from '../support/models.js';
import { ffmpegsWith, until, watch } from './support.js';

const folder = new MediaFolder();
const drive = sharedData === undefined ? 'test/media/street-drive.mp4' : realClip('highway-day-960x540-aac.mp4');
let invert = '';
let clip = '';
beforeAll(() => {
  invert = exactModel(folder);
  clip = folder.file('clip.mp4');
  // Two seconds of real driving, so that loops come soon.
  ffmpeg('-i', drive, '-t', '2', '-an', '-vf', 'scale=320:180', '-c:v', 'libx264', '-preset', 'ultrafast', clip);
});
afterAll(() => folder.remove());

/** Mean of all colours of a stream's first pictures. */
function brightness(path: string): number {
  const means = meanColours(path, { frames: 20, assumed: 'bt709' }).flat();
  return means.reduce((sum, mean) => sum + mean, 0) / means.length;
}

function written(name: string, units: readonly { readonly data: Uint8Array }[]): string {
  const path = folder.file(name);
  writeFileSync(path, Buffer.concat(units.map(({ data }) => data)));
  return path;
}

describe.each(ffmpegs)('a file through the $name ffmpeg', ({ path }) => {
  test('plays at its own timestamps, from a key frame on, darker than it was', async () => {
    const tracks = { translated: { h264: true, jpeg: true }, source: { h264: true } };
    await using watched = await watch({ source: { kind: 'file', path: drive }, ffmpeg: path, tracks });
    await until('forty pictures', () => watched.of('translated').length >= 40 && watched.of('source').length >= 40);
    await until('JPEG pictures', () => watched.of('translated', 'jpeg').length >= 5);
    const times = new Set(frameTimes(drive).map((seconds) => Math.round(seconds * 1e6)));
    for (const track of ['translated', 'source'] as const) {
      const units = watched.of(track);
      const [first] = units;
      expect(first?.key && first.discontinuity && isDecodableKey(first.data)).toBe(true);
      expect(units.map(({ sequence }) => sequence)).toEqual(units.map((_, index) => index));
      const stamps = units.map(({ timestampMicroseconds }) => timestampMicroseconds);
      expect(stamps).toEqual([...new Set(stamps)].sort((a, b) => a - b));
      expect(stamps.filter((stamp) => ![...times].some((time) => Math.abs(time - stamp) <= 1))).toEqual([]);
      for (const { key, data } of units) {
        expect(isDecodableKey(data)).toBe(key);
      }
      const keys = units.filter(({ key }) => key).map(({ timestampMicroseconds }) => timestampMicroseconds);
      keys.slice(1).forEach((key, index) => expect(key - (keys[index] ?? 0)).toBeLessThanOrEqual(2_000_000));
    }
    const translated = written('translated.h264', watched.of('translated'));
    const source = written('source.h264', watched.of('source'));
    expect(brightness(translated)).toBeLessThan(brightness(source) * 0.7);
    const [jpeg] = watched.of('translated', 'jpeg');
    expect([...(jpeg?.data.subarray(0, 2) ?? [])]).toEqual([0xff, 0xd8]);
    expect(watched.live.streams.map(({ codec }) => codec).sort()[0]).toMatch(/^avc1\.42C0/);
    expect(codecString(watched.of('source')[0]?.data ?? new Uint8Array())).toMatch(/^avc1\.42C0/);
    // No picture reordered or held back: one slice of one picture a unit, and the header says so.
    expect(nalUnits(watched.of('source')[1]?.data ?? new Uint8Array()).length).toBe(1);
    expect(videoOf(source)).toMatchObject({ has_b_frames: 0 });
  });
});

test('played once it ends; looped it goes on, says so at a key frame, and time never goes back', async () => {
  await using once = await watch({ source: { kind: 'file', path: clip }, model: invert });
  await using looped = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert });
  await until('its end', () => once.live.status.state === 'ended');
  await until('the second round', () => looped.of('translated').filter((unit) => unit.discontinuity).length >= 2);
  const stamps = looped.of('translated').map(({ timestampMicroseconds }) => timestampMicroseconds);
  expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
  const [, again] = looped.of('translated').filter((unit) => unit.discontinuity);
  expect(again?.key).toBe(true);
  expect(again?.timestampMicroseconds).toBeGreaterThanOrEqual(1_900_000);
  expect(looped.live.status.state).toBe('live');
});

test('a network slower than the source: newer frames win, drops are counted, the delay stays', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: fixture('slow') });
  await until('many drops', () => watched.live.statistics().dropped.generator > 60, 100);
  const { dropped, framesIn, framesOut } = watched.live.statistics();
  expect(framesIn).toBeGreaterThanOrEqual(framesOut + dropped.generator);
  const delays = watched.of('translated').map((unit, index, units) => {
    const newest = Math.max(...units.slice(0, index + 1).map(({ captureTimeMilliseconds }) => captureTimeMilliseconds));
    return newest - unit.captureTimeMilliseconds;
  });
  expect(Math.max(...delays)).toBe(0);
  expect(watched.notices.filter((notice) => notice.startsWith('Frames skipped')).length).toBeLessThan(20);
});

test('an effect is changed while it plays: no gap, and one that is unknown changes nothing', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert });
  await until('pictures', () => watched.of('translated').length > 10);
  await expect(watched.live.setEffect('day-to-mars')).rejects.toThrow(ModelError);
  const before = watched.of('translated').length;
  await until('pictures of the old effect', () => watched.of('translated').length > before + 5);
  await watched.live.setEffect('day-to-night');
  expect(watched.live.effect).toBe('day-to-night');
  watched.live.setStrength(0.5);
  expect(() => watched.live.setStrength(2)).toThrow(UsageError);
  const after = watched.of('translated').length;
  await until('pictures of the new effect', () => watched.of('translated').length > after + 10);
  const sequences = watched.of('translated').map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index));
  // The decoder of a viewer goes on as if nothing had happened.
  expect(
    watched
      .of('translated')
      .filter(({ discontinuity, timestampMicroseconds }) => discontinuity && timestampMicroseconds % 2e6 > 0.2e6),
  ).toEqual([]);
});

test('a model that can not do the size: the source waits, and another effect revives it', async () => {
  const source = { kind: 'file', path: clip, loop: true } as const;
  await using watched = await watch({ source, model: fixture('fixed-size') });
  await until('the failure', () => watched.live.status.state === 'failed');
  const decoders = ffmpegsWith('unix:');
  expect(decoders).toHaveLength(1);
  await expect(watched.live.setEffect('day-to-mars')).rejects.toThrow(ModelError);
  // Longer than the waits before the first tries to open a source again.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(ffmpegsWith('unix:')).toEqual(decoders);
  expect(watched.live.statistics().framesIn).toBe(0);
  await watched.live.setEffect('day-to-night');
  await until('pictures', () => watched.of('translated').length > 10);
  expect(watched.live.effect).toBe('day-to-night');
  expect(watched.states).toEqual(['starting', 'failed', 'starting', 'live']);
});

test('closed while its model can not do the size, nothing is left', async () => {
  const before = ffmpegChildren();
  const watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: fixture('fixed-size') });
  await until('the failure', () => watched.live.status.state === 'failed');
  await watched.live.close();
  expect(ffmpegChildren()).toEqual(before);
});

test('every ffmpeg that is killed gets a successor', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert });
  await until('pictures', () => watched.of('translated').length > 10);
  ffmpegsWith('unix:').forEach((pid) => process.kill(pid, 'SIGKILL'));
  await until('the loss', () => watched.states.includes('reconnecting'));
  await until('its return', () => watched.live.status.state === 'live');
  const decoded = watched.of('translated').length;
  await until('pictures again', () => watched.of('translated').length > decoded + 10);
  ffmpegsWith('zerolatency').forEach((pid) => process.kill(pid, 'SIGKILL'));
  await until('a new encoder', () => watched.notices.some((notice) => notice.startsWith('The encoder is started')));
  const encoded = watched.of('translated').length;
  await until('pictures from it', () => watched.of('translated').length > encoded + 10);
  const next = watched.of('translated')[encoded];
  expect(next?.key && next.discontinuity).toBe(true);
});

test('what nobody watches is not encoded, and what is watched later begins with a key frame', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert, tracks: {} });
  await until('frames', () => watched.live.statistics().framesIn > 10);
  expect(ffmpegsWith('zerolatency')).toEqual([]);
  expect(watched.units).toEqual([]);
  watched.live.setTracks({ source: { h264: true } });
  await until('pictures', () => watched.of('source').length > 5);
  expect(watched.of('source')[0]).toMatchObject({ key: true, discontinuity: true });
  expect(watched.of('translated')).toEqual([]);
  watched.live.setTracks({});
  await until('the encoder gone', () => ffmpegsWith('zerolatency').length === 0);
});

test('a key frame comes when it is asked for', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert });
  const keys = () => watched.of('translated').filter(({ key, discontinuity }) => key && !discontinuity);
  await until('pictures', () => watched.of('translated').length > 3);
  watched.live.requestKeyFrame();
  await until('a key frame', () => keys().length > 0);
  expect(keys()[0]?.timestampMicroseconds).toBeLessThan(1_900_000);
});

test('paused, nothing comes and a file stands still', async () => {
  await using watched = await watch({ source: { kind: 'file', path: clip }, model: invert });
  await until('pictures', () => watched.of('translated').length > 3);
  watched.live.pause();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { length } = watched.units;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(watched.units.length).toBe(length);
  expect(watched.live.status.state).toBe('live');
  watched.live.resume();
  await until('its end', () => watched.live.status.state === 'ended');
  expect(watched.units.length).toBeGreaterThan(length);
});

test('outputs are written alongside, and a bad one troubles nobody', async () => {
  const [mp4, mkv, ts] = [folder.file('live.mp4'), folder.file('live.mkv'), folder.file('live.ts')];
  const outputs = [mp4, mkv, ts, 'rtmp://127.0.0.1:1/nobody'];
  {
    await using watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert, outputs });
    await until('two rounds', () => watched.of('translated').length > 60);
    await until('the notice', () => watched.notices.some((notice) => notice.includes('rtmp://127.0.0.1:1/nobody')));
  }
  for (const path of [mp4, mkv, ts]) {
    expect(videoOf(path)).toMatchObject({ codec_name: 'h264', width: 320, height: 176 });
    expect(Number(probeFile(path).format.duration)).toBeGreaterThan(1.5);
    expect(frameTimes(path).length).toBeGreaterThan(40);
  }
  expect(folder.leftovers).toEqual([]);
  await expect(watch({ source: { kind: 'file', path: clip }, outputs: [mp4] })).rejects.toThrow(OutputError);
  await expect(watch({ source: { kind: 'file', path: clip }, outputs: ['x.gif'] })).rejects.toThrow(UsageError);
});

test('closed, nothing is left: no process, no unit', async () => {
  const before = ffmpegChildren();
  const watched = await watch({ source: { kind: 'file', path: clip, loop: true }, model: invert });
  await until('pictures', () => watched.units.length > 10);
  await watched.live.close();
  const { length } = watched.units;
  await watched.live.close();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(watched.units.length).toBe(length);
  expect(ffmpegChildren()).toEqual(before);
  const early = await watch({ source: { kind: 'file', path: clip }, model: invert });
  await early.live.close();
  expect(ffmpegChildren()).toEqual(before);
});

test('what can not be is said at once', async () => {
  const text = folder.file('text.mp4');
  writeFileSync(text, readFileSync('package.json'));
  await expect(watch({ source: { kind: 'file', path: folder.file('none.mp4') } })).rejects.toThrow(InputError);
  await expect(watch({ source: { kind: 'file', path: text } })).rejects.toThrow(InputError);
  await expect(watch({ source: { kind: 'camera', device: 'nobody' } })).rejects.toThrow(InputError);
  await expect(watch({ source: { kind: 'url', url: 'concat:a|b' } })).rejects.toThrow(InputError);
  await expect(watch({ source: { kind: 'file', path: clip }, size: 'huge' })).rejects.toThrow(UsageError);
  await expect(watch({ source: { kind: 'file', path: clip }, strength: 3 })).rejects.toThrow(UsageError);
});

import { writeFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { AccessUnit } from '../../dist/index.js';
import { ffmpeg, MediaFolder } from '../support/media.js';
import { fixture } from '../support/models.js';
import { until, watch } from './support.js';

// The model draws the mean of all pictures that it has seen.
const tracks = { translated: { jpeg: true }, source: { jpeg: true } } as const;
const onePicture = ['-frames:v', '1', '-c:v', 'mjpeg', '-q:v', '1', '-pix_fmt', 'yuvj420p', '-f', 'mjpeg', '-'];
const folder = new MediaFolder();
let clip = '';
beforeAll(() => {
  // It grows ever brighter.
  clip = folder.file('brighter.mp4');
  const brighter = 'color=gray:s=64x48:r=10:d=1.5,geq=lum=40+12*N:cb=128:cr=128';
  ffmpeg('-f', 'lavfi', '-i', brighter, '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '1', clip);
});
afterAll(() => folder.remove());

/** Mean grey of a JPEG picture. */
function brightness({ data }: AccessUnit): number {
  const path = folder.file('unit.jpg');
  writeFileSync(path, data);
  const grey = ffmpeg('-i', path, '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
  return grey.reduce((sum, value) => sum + value, 0) / grey.length;
}

test('a model with memory begins anew when a file does', async () => {
  const source = { kind: 'file', path: clip, loop: true } as const;
  await using watched = await watch({ source, model: fixture('running-mean'), device: 'cpu', tracks });
  const translated = () => watched.of('translated', 'jpeg');
  const roundsBegun = () => translated().filter(({ discontinuity }) => discontinuity).length;
  await until('three rounds', () => roundsBegun() >= 4);
  await watched.live.close();

  /** By how much a translated picture is darker than the picture it was made of; undefined where that wasn't coded. */
  const darkening = (unit: AccessUnit) => {
    const same = (other: AccessUnit) => other.timestampMicroseconds === unit.timestampMicroseconds;
    const original = watched.of('source', 'jpeg').find(same);
    return original && brightness(original) - brightness(unit);
  };
  const known = (units: readonly AccessUnit[]) => units.map(darkening).filter((value) => value !== undefined);
  const begins = known(translated().filter(({ discontinuity }) => discontinuity));
  expect(begins.length).toBeGreaterThan(1);
  expect(begins.filter((value) => Math.abs(value) > 3)).toEqual([]);
  // It does remember in between: at the end of a round it is far behind.
  const ends = known(translated().filter((_, index, all) => all[index + 1]?.discontinuity === true));
  expect(Math.max(...ends)).toBeGreaterThan(30);
});

test('a model with memory begins anew when somebody watches again, and after a pause', async () => {
  let credit = 0;
  let pushed = 0;
  await using watched = await watch({
    source: { kind: 'pushed', codec: 'jpeg', width: 64, height: 48 },
    ...{ model: fixture('running-mean'), device: 'cpu', tracks: { translated: { jpeg: true } } },
    onCredit: (count) => (credit += count),
  });
  const { live } = watched;
  const push = async (grey: number) => {
    const data = ffmpeg('-f', 'lavfi', '-i', `color=0x${grey.toString(16).repeat(3)}:s=64x48`, ...onePicture);
    const [before, timestampMicroseconds] = [credit, (pushed += 1) * 40_000];
    live.push({ data, key: true, timestampMicroseconds, captureTimeMilliseconds: 0 });
    await until(`picture ${pushed} decoded`, () => credit > before);
  };
  /** What a picture of one grey becomes. */
  const draw = async (grey: number) => {
    const before = watched.of('translated', 'jpeg').length;
    const made = () => watched.of('translated', 'jpeg').slice(before);
    await push(grey);
    await until(`picture ${pushed} translated`, () => made().length > 0);
    return made().map((unit) => Math.round(brightness(unit) / 10) * 10);
  };
  expect([await draw(40), await draw(100)]).toEqual([[40], [70]]);
  live.setTracks({});
  await push(200);
  live.setTracks({ translated: { jpeg: true } });
  expect([await draw(100), await draw(200)]).toEqual([[100], [150]]);
  live.pause();
  live.resume();
  expect([await draw(60), await draw(100)]).toEqual([[60], [80]]);
});

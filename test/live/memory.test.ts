import { writeFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { AccessUnit } from '../../dist/index.js';
import { ffmpeg, MediaFolder } from '../support/media.js';
import { fixture } from '../support/models.js';
import { until, watch } from './support.js';

// The model draws the mean of all pictures that it has seen, of a clip of one second that grows ever brighter.
const tracks = { translated: { jpeg: true }, source: { jpeg: true } } as const;
const folder = new MediaFolder();
let clip = '';
beforeAll(() => {
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

/**
 * A contact sheet of translations: a row a frame, frames at even distances; the input, and beside it what each effect makes of it.
 *
 * Usage: npm run contact-sheet -- CLIP SHEET.jpg [--effects day-to-night,clear-to-rainy] [--frames 4] [--width 960]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import sharp from 'sharp';

import { findModel, openSource, translateFile } from '../dist/index.js';

const usage = 'Usage: npm run contact-sheet -- CLIP SHEET.jpg [--effects EFFECT,EFFECT...] [--frames 4] [--width 960]';
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    effects: { type: 'string', default: 'day-to-night' },
    frames: { type: 'string', default: '4' },
    width: { type: 'string', default: '960' },
  },
});
const shim = 4;
const [clip, sheet, ...rest] = positionals;
const effects = [...new Set(values.effects.split(',').filter((effect) => effect !== ''))];
const rows = Number(values.frames);
const width = Math.floor((Number(values.width) - shim * effects.length) / (effects.length + 1));
const whole = [rows, width].every((count) => Number.isInteger(count) && count > 0);
if (clip === undefined || sheet === undefined || rest.length > 0 || effects.length === 0 || !whole) {
  throw new Error(usage);
}
for (const effect of effects) {
  // A misspelt effect is told before the ones in front of it are translated.
  await findModel({ effect });
}

/** The frames of a video that are wanted, as PNG of a column's width: the middles of as many equal parts. */
async function framesOf(file: string, framesInAll: number): Promise<Buffer[]> {
  const wanted = new Set(Array.from({ length: rows }, (_, part) => Math.floor(((part + 0.5) * framesInAll) / rows)));
  const pictures: Buffer[] = [];
  await using source = await openSource(file);
  for (let frame = await source.read(); frame !== undefined; frame = await source.read()) {
    if (wanted.has(frame.index)) {
      const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
      pictures.push(await sharp(frame.pixels, { raw }).resize(width).png().toBuffer());
    }
    source.pool.release(frame.pixels.buffer);
  }
  return pictures;
}

const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-sheet-'));
try {
  const columns: Buffer[][] = [];
  for (const effect of effects) {
    const translated = join(folder, `${effect}.mkv`);
    const { framesOut } = await translateFile(clip, translated, { effect, crf: 10 });
    if (columns.length === 0) {
      columns.push(await framesOf(clip, framesOut));
    }
    columns.push(await framesOf(translated, framesOut));
  }
  const pictures = Array.from({ length: rows }, (_, row) => columns.flatMap((column) => column[row] ?? [])).flat();
  await sharp(pictures, { join: { across: effects.length + 1, shim, background: '#000' } })
    .jpeg({ quality: 82, mozjpeg: true })
    .toFile(sheet);
} finally {
  await rm(folder, { recursive: true, force: true });
}

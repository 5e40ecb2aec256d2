/**
 * A contact sheet of a translation: frames at even distances, each beside its input.
 *
 * Usage: npm run contact-sheet -- CLIP SHEET.jpg [FRAMES] [WIDTH]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import sharp from 'sharp';

import { openSource, translateFile } from '../dist/index.js';

const [clip, sheet, frames = '4', width = '960'] = process.argv.slice(2);
if (clip === undefined || sheet === undefined) {
  throw new Error('Usage: npm run contact-sheet -- CLIP SHEET.jpg [FRAMES] [WIDTH]');
}
const folder = await mkdtemp(join(tmpdir(), 'vid2vid-turbo-sheet-'));
try {
  const compared = join(folder, 'compared.mkv');
  const { framesOut } = await translateFile(clip, compared, { compare: 'side-by-side', crf: 10 });
  // The middles of as many equal parts.
  const wanted = new Set(
    Array.from({ length: Number(frames) }, (_, part) => Math.floor(((part + 0.5) * framesOut) / Number(frames))),
  );
  await using source = await openSource(compared);
  const rows: Buffer[] = [];
  for (let frame = await source.read(); frame !== undefined; frame = await source.read()) {
    if (wanted.has(frame.index)) {
      const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
      rows.push(await sharp(frame.pixels, { raw }).resize(Number(width)).png().toBuffer());
    }
    source.pool.release(frame.pixels.buffer);
  }
  await sharp(rows, { join: { across: 1, shim: 4, background: '#000' } })
    .jpeg({ quality: 82, mozjpeg: true })
    .toFile(sheet);
} finally {
  await rm(folder, { recursive: true, force: true });
}

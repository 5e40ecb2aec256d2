import { readFileSync, writeFileSync } from 'node:fs';

import sharp, { type Sharp } from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';

import { translateFile, type TranslateOptions } from '../../dist/index.js';
import { exactModel, MediaFolder, realClip, sharedData } from '../support/media.js';

const folder = new MediaFolder();
const model = exactModel(folder);
afterAll(() => {
  expect(folder.leftovers).toEqual([]);
  folder.remove();
});

const unchanged: TranslateOptions = { model, strength: 0, device: 'cpu' };

/** A picture whose every corner is of another colour, with soft transitions. */
function gradient(width: number, height: number, channels: 3 | 4 = 3): Sharp {
  const data = Buffer.alloc(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * channels;
      data[at] = (x * 255) / width;
      data[at + 1] = (y * 255) / height;
      data[at + 2] = 255 - ((x + y) * 255) / (width + height);
      if (channels === 4) {
        data[at + 3] = (y * 4) / height < 1 ? 0 : x * 2 < width ? 128 : 255;
      }
    }
  }
  return sharp(data, { raw: { width, height, channels } });
}

/** A picture's pixels as a viewer shows them: upright, sRGB. */
async function shown(file: string): Promise<{ data: Buffer; width: number; height: number; channels: number }> {
  const { data, info } = await sharp(file)
    .autoOrient()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

/** Mean and largest difference of two lists of bytes. */
function difference(a: Buffer, b: Buffer): { mean: number; most: number } {
  expect(a.length).toBe(b.length);
  let sum = 0;
  let most = 0;
  a.forEach((value, i) => {
    const off = Math.abs(value - (b[i] ?? 0));
    sum += off;
    most = Math.max(most, off);
  });
  return { mean: sum / a.length, most };
}

/** Every pixel of two pictures is the same, and neither has transparency that the other hasn't. */
async function expectSame(file: string, other: string): Promise<void> {
  const [{ data, ...info }, { data: otherData, ...otherInfo }] = [await shown(file), await shown(other)];
  expect(info).toEqual(otherInfo);
  expect(data.equals(otherData)).toBe(true);
}

async function make(name: string, picture: Sharp): Promise<string> {
  const file = folder.file(name);
  await picture.toFile(file);
  return file;
}

describe('a picture that nothing is done to', () => {
  test.each([
    ['even', 64, 48],
    ['odd', 63, 47],
    ['upright', 40, 90],
  ])('PNG, %s: every pixel as it was', async (name, width, height) => {
    const input = await make(`${name}.png`, gradient(width, height).png());
    const out = folder.file(`${name}-out.png`);
    const summary = await translateFile(input, out, unchanged);
    expect(summary).toMatchObject({ framesIn: 1, framesOut: 1, size: `${width}x${height}`, speed: undefined });
    await expectSame(out, input);
  });

  test('PNG with transparency: pixels and transparency as they were', async () => {
    const input = await make('alpha.png', gradient(64, 48, 4).png());
    const out = folder.file('alpha-out.png');
    await translateFile(input, out, unchanged);
    const [before, after] = [await shown(input), await shown(out)];
    expect(after).toMatchObject({ width: 64, height: 48, channels: 4 });
    const alpha = (data: Buffer) => Buffer.from(data.filter((_, i) => i % 4 === 3));
    expect(alpha(after.data).equals(alpha(before.data))).toBe(true);
    // What is half seen through may be a level off; what isn't seen at all has no colour to keep.
    const seen = (data: Buffer) =>
      Buffer.from(data.filter((_, i) => i % 4 !== 3 && (before.data[i - (i % 4) + 3] ?? 0) > 0));
    expect(difference(seen(after.data), seen(before.data)).most).toBeLessThanOrEqual(1);
  });

  test('a grey PNG', async () => {
    const input = await make('grey.png', gradient(64, 48).toColourspace('b-w').png());
    expect((await sharp(input).metadata()).channels).toBe(1);
    const out = folder.file('grey-out.png');
    await translateFile(input, out, unchanged);
    expect(await shown(out)).toMatchObject({ width: 64, height: 48 });
    const grey = async (file: string) => sharp(file).toColourspace('b-w').raw().toBuffer();
    expect(difference(await grey(out), await grey(input)).most).toBeLessThanOrEqual(1);
  });

  test('a grey PNG with transparency', async () => {
    const input = await make('grey-alpha.png', gradient(64, 48, 4).toColourspace('b-w').png());
    expect((await sharp(input).metadata()).channels).toBe(2);
    const out = folder.file('grey-alpha-out.png');
    await translateFile(input, out, unchanged);
    const alpha = async (file: string) => sharp(file).extractChannel('alpha').raw().toBuffer();
    expect((await alpha(out)).equals(await alpha(input))).toBe(true);
  });

  test('a PNG of 16 bits a channel: the nearest of 8', async () => {
    const input = await make('deep.png', gradient(64, 48).toColourspace('rgb16').png());
    expect((await sharp(input).metadata()).depth).toBe('ushort');
    const out = folder.file('deep-out.png');
    await translateFile(input, out, unchanged);
    expect(difference((await shown(out)).data, (await shown(input)).data).most).toBeLessThanOrEqual(1);
  });

  test('a PNG with a palette', async () => {
    const input = await make('palette.png', gradient(64, 48).png({ palette: true }));
    const out = folder.file('palette-out.png');
    await translateFile(input, out, unchanged);
    expect(difference((await shown(out)).data, (await shown(input)).data).most).toBeLessThanOrEqual(1);
  });

  test.each([
    ['jpg', 'jpeg', 1.5],
    ['webp', 'webp', 2.5],
    ['avif', 'heif', 2.5],
    ['tiff', 'tiff', 1.5],
  ] as const)('%s: nearly as it was', async (extension, format, most) => {
    const input = await make(`picture.${extension}`, gradient(96, 64));
    const out = folder.file(`out.${extension}`);
    await translateFile(input, out, unchanged);
    expect((await sharp(out).metadata()).format).toBe(format);
    expect(difference((await shown(out)).data, (await shown(input)).data).mean).toBeLessThan(most);
  });

  test.each(['webp', 'avif'] as const)('%s with transparency', async (extension) => {
    const input = await make(`alpha.${extension}`, gradient(64, 48, 4));
    const out = folder.file(`alpha-out.${extension}`);
    await translateFile(input, out, unchanged);
    const alpha = async (file: string) => sharp(file).extractChannel('alpha').raw().toBuffer();
    expect(difference(await alpha(out), await alpha(input)).mean).toBeLessThan(1);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('JPEG with EXIF orientation %i: shown the same way up', async (orientation) => {
    const exif = { IFD0: { Make: 'A camera', Artist: 'Somebody' }, IFD3: { GPSLatitudeRef: 'N' } };
    const picture = gradient(64, 40).withExif(exif).withMetadata({ orientation }).jpeg({ quality: 95 });
    const input = await make(`turned-${orientation}.jpg`, picture);
    expect((await sharp(input).metadata()).orientation).toBe(orientation);
    const out = folder.file(`turned-${orientation}-out.jpg`);
    await translateFile(input, out, unchanged);
    const [before, after] = [await shown(input), await shown(out)];
    expect([after.width, after.height]).toEqual([before.width, before.height]);
    expect(difference(after.data, before.data).mean).toBeLessThan(2);
    const kept = (await sharp(out).metadata()).exif;
    expect(kept?.includes('A camera')).toBe(true);
    expect(kept?.includes('Somebody')).toBe(true);
  });

  test('another format than the input', async () => {
    const input = await make('to-other.jpg', gradient(64, 48).jpeg({ quality: 95 }));
    const out = folder.file('to-other.png');
    await translateFile(input, out, unchanged);
    await expectSame(out, input);
  });

  test('at another size, its aspect kept', async () => {
    const input = await make('sized.png', gradient(160, 90).png());
    const out = folder.file('sized-out.png');
    expect(await translateFile(input, out, { ...unchanged, size: '80x80' })).toMatchObject({ size: '80x46' });
    expect(await shown(out)).toMatchObject({ width: 80, height: 46 });
  });

  test.skipIf(sharedData === undefined)('a photograph', async () => {
    const input = realClip('../day/opensfm_lund-01.jpg');
    const out = folder.file('photograph.png');
    await translateFile(input, out, unchanged);
    await expectSame(out, input);
  });
});

describe('at full strength', () => {
  test('the translation, not the input', async () => {
    const input = await make('negative.png', gradient(64, 48).png());
    const out = folder.file('negative-out.png');
    await translateFile(input, out, { model, device: 'cpu' });
    const [before, after] = [await shown(input), await shown(out)];
    expect(after.data.equals(Buffer.from(before.data.map((value) => 255 - value)))).toBe(true);
  });

  test('transparency stays where it was', async () => {
    const input = await make('negative-alpha.webp', gradient(64, 48, 4).webp({ lossless: true }));
    const out = folder.file('negative-alpha.png');
    await translateFile(input, out, { model, device: 'cpu' });
    const alpha = async (file: string) => sharp(file).extractChannel('alpha').raw().toBuffer();
    expect((await alpha(out)).equals(await alpha(input))).toBe(true);
  });

  test('side by side: the input left, its negative right', async () => {
    const input = await make('pair.png', gradient(63, 47).png());
    const out = folder.file('pair-out.png');
    await translateFile(input, out, { model, device: 'cpu', compare: 'side-by-side' });
    const part = async (left: number) =>
      sharp(out).extract({ left, top: 0, width: 63, height: 47 }).removeAlpha().raw().toBuffer();
    const before = await shown(input);
    expect(await shown(out)).toMatchObject({ width: 126, height: 47 });
    expect((await part(0)).equals(before.data)).toBe(true);
    expect((await part(63)).equals(Buffer.from(before.data.map((value) => 255 - value)))).toBe(true);
  });

  test('split: the left half of the input, the right half of its negative', async () => {
    const input = await make('split.png', gradient(64, 48).png());
    const out = folder.file('split-out.png');
    await translateFile(input, out, { model, device: 'cpu', compare: 'split' });
    const half = async (file: string, left: number) =>
      sharp(file).extract({ left, top: 0, width: 32, height: 48 }).removeAlpha().raw().toBuffer();
    expect(await shown(out)).toMatchObject({ width: 64, height: 48 });
    expect((await half(out, 0)).equals(await half(input, 0))).toBe(true);
    expect((await half(out, 32)).equals(Buffer.from((await half(input, 32)).map((value) => 255 - value)))).toBe(true);
  });
});

describe('what can not be', () => {
  test('a file that is no picture', async () => {
    const input = folder.file('text.png');
    writeFileSync(input, 'no picture at all');
    await expect(translateFile(input, folder.file('no.png'), unchanged)).rejects.toMatchObject({
      name: 'InputError',
      code: 'input-not-video',
      message: `"${input}" is not a picture that can be read.`,
    });
  });

  test('a picture whose end is missing', async () => {
    const whole = readFileSync(await make('whole.png', gradient(200, 200).png({ compressionLevel: 0 })));
    const input = folder.file('cut.png');
    writeFileSync(input, whole.subarray(0, whole.length / 2));
    await expect(translateFile(input, folder.file('no.png'), unchanged)).rejects.toMatchObject({ name: 'InputError' });
  });

  test('an option that only a video has', async () => {
    const input = await make('option.png', gradient(64, 48).png());
    await expect(translateFile(input, folder.file('no.png'), { ...unchanged, crf: 20 })).rejects.toMatchObject({
      name: 'UsageError',
      message: 'options.crf: has no meaning for a single picture.',
    });
  });

  test('an output that is no picture, one that is there, one whose folder is missing', async () => {
    const input = await make('good.png', gradient(64, 48).png());
    await expect(translateFile(input, folder.file('no.xyz'), unchanged)).rejects.toMatchObject({
      name: 'UsageError',
      remedy: expect.stringContaining('jpg') as string,
    });
    await expect(translateFile(input, input, unchanged)).rejects.toMatchObject({ code: 'output-exists' });
    await expect(translateFile(input, folder.file('none/no.png'), unchanged)).rejects.toMatchObject({
      code: 'output-unwritable',
      message: `The folder of "${folder.file('none/no.png')}" does not exist.`,
    });
  });
});

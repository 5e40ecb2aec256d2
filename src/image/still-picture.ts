import { readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';

import sharp, { type Sharp } from 'sharp';

import { InputError, OutputError, UsageError } from '../errors/errors.js';
import type { RgbPixels } from '../frame/frame.js';
import { scaledSize, workingSizeOf, type Size } from '../video/size.js';

type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'tiff';

const formats: Readonly<Record<string, ImageFormat>> = {
  jpg: 'jpeg',
  jpeg: 'jpeg',
  png: 'png',
  webp: 'webp',
  avif: 'avif',
  tif: 'tiff',
  tiff: 'tiff',
};

/** The image format that a file's extension stands for; undefined for anything else. */
export function imageFormatOf(path: string): ImageFormat | undefined {
  return formats[extname(path).slice(1).toLowerCase()];
}

/** A picture read from an image file: upright, sRGB, its sides padded to a multiple. */
export interface StillPicture {
  /** Pixels with padding. */
  readonly pixels: RgbPixels;
  /** Size with padding. */
  readonly padded: Size;
  /** Size without. */
  readonly size: Size;
  /** Size of the picture that is written; larger than {@link StillPicture.size} where there is a working size. */
  readonly outputSize: Size;
  /** The file's bytes. */
  readonly bytes: Buffer;
}

/**
 * Reads an image file.
 *
 * @param path - The file.
 * @param wantedSize - `'source'`, `'1280x720'` or `'720p'`.
 * @param multiple - Sides are made a multiple of this by repeating the last column and row.
 * @param workingSize - Greatest length of the short side of what is worked on; undefined for any.
 * @throws InputError when it isn't there or isn't a picture.
 */
export async function readPicture(
  path: string,
  wantedSize: string,
  multiple: number,
  workingSize?: number,
): Promise<StillPicture> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code;
    throw code === 'ENOENT'
      ? new InputError('input-not-found', `"${path}" does not exist.`, { cause })
      : new InputError('input-unreadable', `"${path}" can't be read (${String(code)}).`, { cause });
  });
  try {
    return await decode(bytes, wantedSize, multiple, workingSize);
  } catch (cause) {
    throw new InputError('input-not-video', `"${path}" is not a picture that can be read.`, { cause });
  }
}

async function decode(
  bytes: Buffer,
  wantedSize: string,
  multiple: number,
  workingSize: number | undefined,
): Promise<StillPicture> {
  const size = (await sharp(bytes).metadata()).autoOrient;
  const outputSize = scaledSize(wantedSize, size) ?? size;
  const scaled = workingSizeOf(outputSize, workingSize);
  const padded = {
    width: Math.ceil(scaled.width / multiple) * multiple,
    height: Math.ceil(scaled.height / multiple) * multiple,
  };
  const { data } = await upright(bytes, scaled)
    .removeAlpha()
    .extend({ right: padded.width - scaled.width, bottom: padded.height - scaled.height, extendWith: 'copy' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  // One channel stays one channel in raw output; a grey picture is made RGB by its colour space above.
  const pixels = new Uint8Array(padded.width * padded.height * 3);
  if (data.length !== pixels.length) {
    throw new RangeError(`${data.length} bytes where ${pixels.length} were due`);
  }
  pixels.set(data);
  return { pixels, padded, size: scaled, outputSize: { width: outputSize.width, height: outputSize.height }, bytes };
}

function upright(bytes: Buffer, size: Size): Sharp {
  return sharp(bytes).autoOrient().resize(size.width, size.height, { fit: 'fill' }).toColourspace('srgb');
}

/** How {@link encodePicture} writes. */
export interface PictureOptions {
  /** The format to write. */
  readonly format: ImageFormat;
  /** Puts the original beside the translation. */
  readonly compare?: 'side-by-side' | 'split' | undefined;
}

/** Makes an image file of a translated picture, with the original's transparency and EXIF data. */
export async function encodePicture(
  original: StillPicture,
  originalPixels: RgbPixels,
  translated: RgbPixels,
  options: PictureOptions,
): Promise<Buffer> {
  const size = original.outputSize;
  const cut = (pixels: RgbPixels) =>
    sharp(pixels, { raw: { ...original.padded, channels: 3 } })
      .extract({ left: 0, top: 0, ...original.size })
      .resize(size.width, size.height, { fit: 'fill' });
  if (options.compare !== undefined) {
    return encode(await compare(cut(originalPixels), cut(translated), size, options.compare), options.format);
  }
  // Laid on the original in its stead, so that its EXIF data stay. The transparency is put into it beforehand:
  // laid on with "atop", half-transparent colours come out too bright.
  const { hasAlpha } = await sharp(original.bytes).metadata();
  const alpha = hasAlpha
    ? await upright(original.bytes, size).extractChannel('alpha').raw({ depth: 'uchar' }).toBuffer()
    : undefined;
  const input = await (
    alpha === undefined ? cut(translated) : cut(translated).joinChannel(alpha, { raw: { ...size, channels: 1 } })
  )
    .raw()
    .toBuffer();
  const laidOn = upright(original.bytes, size)
    .composite([{ input, raw: { ...size, channels: hasAlpha ? 4 : 3 }, blend: 'source' }])
    .keepExif();
  const picture = hasAlpha ? laidOn : laidOn.removeAlpha();
  return encode(picture, options.format);
}

async function compare(original: Sharp, translated: Sharp, size: Size, layout: 'side-by-side' | 'split') {
  const left = layout === 'split' ? size.width >> 1 : size.width;
  const leftPart = await original.extract({ left: 0, top: 0, width: left, height: size.height }).png().toBuffer();
  const offset = layout === 'split' ? left : 0;
  const rightPart = await translated
    .extract({ left: offset, top: 0, width: size.width - offset, height: size.height })
    .png()
    .toBuffer();
  return sharp([leftPart, rightPart], { join: { across: 2 } });
}

function encode(picture: Sharp, format: ImageFormat): Promise<Buffer> {
  switch (format) {
    case 'jpeg':
      return picture.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }).toBuffer();
    case 'webp':
      return picture.webp({ quality: 90 }).toBuffer();
    case 'avif':
      return picture.avif({ quality: 70 }).toBuffer();
    case 'png':
    case 'tiff':
      return picture.toFormat(format).toBuffer();
  }
}

/** Writes an encoded picture to the place that a target prepared for it. */
export async function storePicture(path: string, bytes: Buffer): Promise<void> {
  await writeFile(path, bytes).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code;
    throw code === 'ENOSPC'
      ? new OutputError('disk-full', `There is no space left to write "${path}".`, { cause })
      : new OutputError('output-unwritable', `"${path}" can't be written (${String(code)}).`, { cause });
  });
}

/** The image format to write: told by the output's extension. */
export function pictureFormat(output: string, format: string | undefined): ImageFormat {
  const named = format ?? (output === '-' ? 'png' : extname(output).slice(1).toLowerCase());
  const known = formats[named];
  if (known === undefined) {
    throw new UsageError(`A picture can't be written as "${output}".`, {
      remedy: `Give an output that ends in ${Object.keys(formats).join(', ')}.`,
    });
  }
  return known;
}

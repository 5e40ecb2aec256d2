import sharp from 'sharp';

import type { RgbPixels } from '../frame/frame.js';

/** Good enough to watch, a fifth of the bytes that 100 would take. */
const quality = 80;

/** Makes a JPEG file of a picture, on a thread of its own; the pixels must not change until it resolves. */
export function encodeJpeg(pixels: RgbPixels, width: number, height: number): Promise<Uint8Array> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0' })
    .toBuffer();
}

import { InputError, UsageError } from '../errors/errors.js';

/**
 * Width and height in pixels.
 *
 * @group Reading and writing video
 */
export interface Size {
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

/**
 * The size a picture is scaled to, its aspect kept and both sides even; undefined when it keeps its own.
 *
 * @param wanted - `'source'`, `'1280x720'` (fitted inside) or `'720p'` (that many rows, or columns of an upright picture).
 * @param source - The picture's own size.
 */
export function scaledSize(wanted: string, source: Size): Size | undefined {
  if (wanted === 'source') {
    return undefined;
  }
  const factor = scaleFactor(wanted, source);
  const size = { width: even(source.width * factor), height: even(source.height * factor) };
  return size.width === source.width && size.height === source.height ? undefined : size;
}

/**
 * The size that a picture is worked on at: its short side no longer than `shortSide`, its aspect kept, both sides even;
 * the picture's own where that is small enough. Never squashed: what a network wants of multiples is padding's work.
 *
 * @param size - The picture's size.
 * @param shortSide - Greatest length of the short side; undefined for any.
 */
export function workingSizeOf(size: Size, shortSide: number | undefined): Size {
  const factor = (shortSide ?? Infinity) / Math.min(size.width, size.height);
  return factor >= 1 ? size : { width: even(size.width * factor), height: even(size.height * factor) };
}

function scaleFactor(wanted: string, source: Size): number {
  const rows = /^(\d+)p$/.exec(wanted)?.[1];
  if (rows !== undefined && Number(rows) >= 2) {
    return Number(rows) / Math.min(source.width, source.height);
  }
  const [width = 0, height = 0] = wanted.split('x').map(Number);
  if (width < 2 || height < 2) {
    throw new UsageError(`The size "${wanted}" is too small.`, { remedy: 'The least is 2x2.' });
  }
  return Math.min(width / source.width, height / source.height);
}

/** Refuses pictures that no frame buffer or network here could hold. */
export function assertSensibleSize(size: Size, input: string): void {
  if (size.width > 16384 || size.height > 16384 || size.width * size.height > 2 ** 27) {
    throw new InputError('size-unsupported', `"${input}" is ${size.width}x${size.height}, which is too large.`, {
      remedy: 'Translate it at a smaller size: --size 1920x1080.',
    });
  }
}

import { UsageError } from '../../errors/errors.js';

/** Sides are cropped to a multiple of this: what every network here takes, so that effects can be changed while it plays. */
const sideMultiple = 8;
/** Rows (columns, of an upright picture) to work at where nothing is asked for: what two cores manage. */
const defaultShortSide = 360;

/** How live pictures are made of decoded ones. */
export interface LiveFilterOptions {
  /** `'source'`, `'1280x720'` or `'720p'`; undefined for at most 360 rows. */
  readonly size: string | undefined;
  /** Most frames a second; undefined for all there are. */
  readonly frameRate: number | undefined;
  /** Filters that go first. */
  readonly before?: readonly string[] | undefined;
  /** Options of the `scale` filter that makes RGB of the source's colours. */
  readonly toRgb?: string | undefined;
}

/**
 * Filters that make 8-bit RGB pictures of the working size: square pixels, aspect kept, sides cropped to a multiple of 8.
 *
 * The size is told to ffmpeg as an expression, so that a stream or camera needn't be opened once more to ask for its own.
 */
export function liveFilters({ size, frameRate, before = [], toRgb = '' }: LiveFilterOptions): string {
  const factor = scaleFactor(size);
  const scale = [`w=ceil(ih*dar*${factor})`, `h=ceil(ih*${factor})`, toRgb, 'flags=bicubic'];
  return [
    ...(frameRate === undefined ? [] : [selectRate(frameRate)]),
    ...before,
    `scale=${scale.filter((part) => part !== '').join(':')}`,
    'format=rgb24',
    `crop=w=${sideMultiple}*max(1\\,floor(iw/${sideMultiple})):h=${sideMultiple}*max(1\\,floor(ih/${sideMultiple}))`,
    'setsar=1',
  ].join(',');
}

/** How much smaller or larger the picture becomes, as an expression of its width and height. */
function scaleFactor(size: string | undefined): string {
  const [width, height] = ['ih*dar', 'ih'];
  if (size === undefined) {
    return `min(1\\,${defaultShortSide}/min(${width}\\,${height}))`;
  }
  if (size === 'source') {
    return '1';
  }
  const rows = /^(\d{1,5})p$/.exec(size)?.[1];
  if (rows !== undefined && Number(rows) >= sideMultiple) {
    return `${Number(rows)}/min(${width}\\,${height})`;
  }
  const [, fitWidth, fitHeight] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
  if (Number(fitWidth) >= sideMultiple && Number(fitHeight) >= sideMultiple) {
    return `min(${Number(fitWidth)}/(${width})\\,${Number(fitHeight)}/${height})`;
  }
  throw new UsageError(`"${size}" is no size to work at.`, {
    remedy: `A size is WIDTHxHEIGHT (1280x720), a height (720p) or "source"; the least is ${sideMultiple}x${sideMultiple}.`,
  });
}

/** Leaves out frames that come sooner than asked for; a twentieth sooner still counts as in time. */
function selectRate(frameRate: number): string {
  if (!(frameRate > 0 && frameRate <= 1000)) {
    throw new UsageError(`${frameRate} frames a second can't be; give a number above 0.`);
  }
  return `select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,${(0.95 / frameRate).toFixed(6)})`;
}

import type { Rational } from '../frame/frame.js';
import { colourTagOptions, fromRgbOptions, type ColourTags } from './colour.js';
import type { Container } from './containers.js';
import { rangeOptions } from './decode-arguments.js';
import type { EncoderPlan } from './encoders.js';
import { ffmpegArguments } from './ffmpeg/arguments.js';
import type { FfmpegCapabilities } from './ffmpeg/capabilities.js';
import type { SideStreamPlan } from './side-streams.js';
import type { CompareLayout, SinkOptions } from './sink.js';
import type { Size } from './size.js';
import type { VideoSource } from './source.js';

/** All that was decided about an output. */
export interface SinkPlan {
  readonly source: VideoSource;
  readonly options: SinkOptions;
  readonly container: Container;
  readonly encoder: EncoderPlan;
  readonly sideStreams: SideStreamPlan;
  readonly capabilities: FfmpegCapabilities;
}

/** The size that is written: most encoders take chroma for two by two pixels, and so no odd sizes. */
export function writtenSize({ source, encoder }: Pick<SinkPlan, 'source' | 'encoder'>): Size {
  const { width, height } = source.outputSize;
  return encoder.oddSizes ? { width, height } : { width: Math.max(2, width & ~1), height: Math.max(2, height & ~1) };
}

/** The command line of the ffmpeg that writes an output to `url`. */
export function encodeArguments(url: string, plan: SinkPlan): string[] {
  const { source, options, container, encoder, sideStreams, capabilities } = plan;
  return ffmpegArguments((command) => {
    command.input('pipe:0').inputOptions(
      ...['-progress', 'pipe:2'],
      // What is watched while it is written must not come faster than it plays.
      ...(container.live ? ['-re'] : []),
      ...encoder.globalOptions,
      // Its first frame is at 0 in the pipe; this puts it back where it was beside the sound.
      ...(source.firstFrameSeconds === 0 ? [] : ['-itsoffset', source.firstFrameSeconds.toFixed(9)]),
      // All there is to know stands in the header; waiting for frames would only delay.
      ...['-f', 'nut', '-probesize', '32', '-fpsprobesize', '0', '-analyzeduration', '0'],
    );
    if (sideStreams.needsOriginal) {
      command.input(source.location.url).inputOptions(...source.location.options, ...rangeOptions(options));
    }
    return command.output(url).outputOptions(
      ...['-map', '0:v:0', '-filter:v:0', encodeFilters(plan)],
      ...['-c:v:0', encoder.name, ...encoder.options],
      ...capabilities.passTimestampsThrough,
      ...['-enc_time_base', encoderTimeBase(source.format.frameRate, capabilities)],
      // And reordered frames at uneven times made that edit list shorter still.
      ...(capabilities.givesDurations ? [] : ['-bf', '0']),
      ...(/^(rgb|bgr|gbr)/.test(encoder.pixelFormat) || encoder.name === 'mjpeg'
        ? []
        : colourTagOptions(source.colour.output)),
      ...sideStreams.options,
      // Sound that waits for the first picture must not overflow: https://trac.ffmpeg.org/ticket/6375
      ...['-max_muxing_queue_size', '4096'],
      ...container.options,
      // Opus in MP4 counted as experimental before version 5.
      ...(capabilities.givesDurations ? [] : ['-strict', 'experimental']),
      ...['-f', container.muxer],
    );
  });
}

/**
 * Time base of the encoder: the pipe's own, so that timestamps stay exact.
 *
 * Before version 5 ffmpeg gave encoded frames no duration, and the MP4 muxer's edit list then cut off the last one, unless
 * the time base is coarser than a millisecond. There it is a part of a nominal frame of at least two milliseconds.
 */
function encoderTimeBase(frameRate: Rational | undefined, capabilities: FfmpegCapabilities): string {
  if (capabilities.givesDurations) {
    return '-1';
  }
  const { numerator, denominator } = frameRate ?? { numerator: 1, denominator: 1 };
  const parts = Math.floor((denominator * 500) / numerator);
  return parts === 0 ? '1:500' : `${denominator}:${numerator * parts}`;
}

function encodeFilters({ source, options, encoder, capabilities }: SinkPlan): string {
  const written = writtenSize({ source, encoder });
  const isScaled =
    source.visible.width !== source.outputSize.width || source.visible.height !== source.outputSize.height;
  // Of a picture that isn't scaled, an odd last column or row that the encoder can't take goes with the padding.
  const visible = isScaled ? source.visible : written;
  const scaling = isScaled ? [`scale=w=${written.width}:h=${written.height}:flags=bicubic+accurate_rnd`] : [];
  const tags: ColourTags = source.colour.output;
  const toYuv = /^(rgb|bgr|gbr)/.test(encoder.pixelFormat)
    ? []
    : [
        `scale=${encoder.pixelFormat === 'yuvj420p' ? 'out_color_matrix=bt601:out_range=full' : fromRgbOptions(tags)}:flags=bicubic+accurate_rnd`,
      ];
  const padded = visible.width !== source.format.width || visible.height !== source.format.height;
  const layout =
    options.compare === undefined
      ? [...(padded ? [`crop=${visible.width}:${visible.height}:0:0`] : []), ...scaling]
      : [compareFilter(options.compare, written, (row) => pictureAt(visible, row, scaling), source.format.height)];
  const setTags = capabilities.filters.has('setparams') && toYuv.length > 0 && encoder.pixelFormat !== 'yuvj420p';
  return [
    ...layout,
    ...toYuv,
    `format=${encoder.pixelFormat}`,
    ...(setTags
      ? [`setparams=range=tv:colorspace=${tags.matrix}:color_primaries=${tags.primaries}:color_trc=${tags.transfer}`]
      : []),
    ...encoder.filters,
  ].join(',');
}

/** Filters that take a picture of a pair out of its padding, and give it the size it is written at. */
function pictureAt(visible: Size, row: number, scaling: readonly string[]): string {
  return [`crop=${visible.width}:${visible.height}:0:${row}`, ...scaling].join(',');
}

/**
 * Makes one picture of a pair that comes one above the other, their padding taken away.
 *
 * @param size - Size of each of the two.
 * @param picture - Filters for the one that begins at a row.
 * @param below - Row that the translation begins at.
 */
function compareFilter(layout: CompareLayout, size: Size, picture: (row: number) => string, below: number): string {
  const { width, height } = size;
  const half = Math.max(2, (width >> 1) & ~1);
  const isSplit = layout === 'split';
  const left = `${picture(0)}${isSplit ? `,crop=${half}:${height}:0:0` : ''}`;
  const right = `${picture(below)}${isSplit ? `,crop=${width - half}:${height}:${half}:0` : ''}`;
  const divider = isSplit ? `,drawbox=x=${half - 1}:y=0:w=2:h=ih:color=white:t=fill` : '';
  return `split[original][translated];[original]${left}[left];[translated]${right}[right];[left][right]hstack${divider}`;
}

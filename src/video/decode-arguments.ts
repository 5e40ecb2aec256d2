import { UsageError } from '../errors/errors.js';
import type { ColourPlan } from './colour.js';
import type { InputLocation } from './ffmpeg/allow-list.js';
import { ffmpegArguments } from './ffmpeg/arguments.js';
import type { FfmpegCapabilities } from './ffmpeg/capabilities.js';
import type { FramePipe } from './ffmpeg/frame-pipe.js';
import type { MediaInfo } from './probe.js';
import type { Size } from './size.js';
import type { SourceOptions } from './source.js';

/** Filters that make upright, progressive, 8-bit RGB frames of `size`, padded to a multiple of `multiple`. */
export function decodeFilters(media: MediaInfo, colour: ColourPlan, size: Size, multiple: number): string {
  const padded = {
    width: Math.ceil(size.width / multiple) * multiple,
    height: Math.ceil(size.height / multiple) * multiple,
  };
  const right = padded.width - size.width;
  const bottom = padded.height - size.height;
  const scale = [`w=${size.width}:h=${size.height}`, colour.toRgb, 'flags=bicubic+accurate_rnd+full_chroma_int'];
  return [
    ...(media.video.interlaced ? ['bwdif=mode=send_frame'] : []),
    // Tone mapping is dear: the smaller picture is made first.
    ...(colour.toneMapping.length === 0 ? [] : [`scale=w=${size.width}:h=${size.height}`, ...colour.toneMapping]),
    `scale=${scale.filter((part) => part !== '').join(':')}`,
    'format=rgb24',
    ...(right + bottom === 0
      ? []
      : [`pad=${padded.width}:${padded.height}:0:0`, `fillborders=right=${right}:bottom=${bottom}:mode=smear`]),
  ].join(',');
}

/** Arguments that make ffmpeg write the input's frames, each once and with its own timestamp, into a pipe. */
export function decodeArguments(
  location: InputLocation,
  media: MediaInfo,
  options: SourceOptions,
  filters: string,
  capabilities: FfmpegCapabilities,
  pipe: FramePipe,
): string[] {
  return ffmpegArguments((command) =>
    command
      .input(location.url)
      .inputOptions(...location.options, ...rangeOptions(options))
      .output(pipe.url)
      .outputOptions(
        ...['-map', `0:${media.video.index}`, '-vf', filters],
        // Chapters would bring time bases of their own into the pipe.
        ...['-map_chapters', '-1', '-map_metadata', '-1'],
        // Every decoded frame once, with its own timestamp in the input's own time base.
        ...capabilities.passTimestampsThrough,
        ...['-enc_time_base', '-1'],
        ...['-c:v', 'rawvideo', '-pix_fmt', 'rgb24', '-f', 'nut'],
        ...pipe.options,
      ),
  );
}

/**
 * Input options that choose a part of the input.
 *
 * @throws UsageError for a part that can't be.
 */
export function rangeOptions({ start, duration }: Pick<SourceOptions, 'start' | 'duration'>): string[] {
  if (start !== undefined && !(start >= 0)) {
    throw new UsageError(`A video can't start at ${start} seconds.`);
  }
  if (duration !== undefined && !(duration > 0)) {
    throw new UsageError(`A video can't last ${duration} seconds.`);
  }
  return [
    ...(start === undefined ? [] : ['-ss', String(start)]),
    ...(duration === undefined ? [] : ['-t', String(duration)]),
  ];
}

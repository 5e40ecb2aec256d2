import { colourTagOptions, fromRgbOptions, type ColourTags } from '../colour.js';
import { ffmpegArguments } from '../ffmpeg/arguments.js';
import type { FfmpegCapabilities } from '../ffmpeg/capabilities.js';
import type { Size } from '../size.js';

/**
 * Ticks a second of the pictures on their way into the encoder: twice the microseconds, so that the lowest bit is free to
 * ask for a key frame.
 */
export const ticksPerSecond = 2_000_000;

/** What tells the encoder of a live stream apart from others. */
export interface LiveEncoding extends Size {
  /** Nominal frames a second; undefined where unknown. */
  readonly frameRate: number | undefined;
}

const colours: ColourTags = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709' };

/** Levels of H.264 (table A-1): macroblocks a picture and a second that a decoder has to manage. */
const levels = [
  { name: '3.0', picture: 1620, second: 40_500 },
  { name: '3.1', picture: 3600, second: 108_000 },
  { name: '4.0', picture: 8192, second: 245_760 },
  { name: '4.2', picture: 8704, second: 522_240 },
  { name: '5.1', picture: 36_864, second: 983_040 },
] as const;

function levelFor({ width, height, frameRate = 60 }: LiveEncoding): string {
  const picture = Math.ceil(width / 16) * Math.ceil(height / 16);
  return levels.find((level) => picture <= level.picture && picture * frameRate <= level.second)?.name ?? '5.2';
}

/**
 * The command line of the ffmpeg that encodes a live stream: raw pictures in NUT in, H.264 in NUT out, a unit for a
 * picture at once.
 *
 * Baseline without reordered pictures, so that a decoder needn't hold any back; SPS and PPS before each key frame; the
 * bitstream restriction in the VUI, which x264 writes by itself, says so to decoders that would wait all the same
 * (https://github.com/w3c/webcodecs/issues/732).
 */
export function liveEncodeArguments(encoding: LiveEncoding, capabilities: FfmpegCapabilities): string[] {
  const { width, height, frameRate = 30 } = encoding;
  // Enough for every picture of this kind; what needs more, becomes coarser for a moment.
  const bitsPerSecond = Math.round(width * height * 16);
  return ffmpegArguments((command) =>
    command
      .input('pipe:0')
      // A stream may begin at any time, and what comes out is to have the time of what went in.
      .inputOptions('-copyts', '-f', 'nut', '-probesize', '32', '-fpsprobesize', '0', '-analyzeduration', '0')
      .output('pipe:1')
      .outputOptions(
        ...['-map', '0:v:0', '-vf', `scale=${fromRgbOptions(colours)},format=yuv420p`, ...colourTagOptions(colours)],
        ...['-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
        ...['-level:v', levelFor(encoding), '-bf', '0', '-threads', width * height <= 640 * 480 ? '1' : '2'],
        ...['-crf', '23', '-maxrate', String(bitsPerSecond), '-bufsize', String(bitsPerSecond)],
        // Key frames come where they are asked for by the timestamp's lowest bit, and nowhere else.
        ...['-g', '100000', '-sc_threshold', '0', '-force_key_frames', `expr:mod(round(t*${ticksPerSecond}),2)`],
        // Old versions of ffmpeg take the time base for the frame rate, which the rate control would believe.
        ...['-x264-params', `repeat-headers=1:fps=${Math.round(frameRate * 1000)}/1000`],
        ...[...capabilities.passTimestampsThrough, '-enc_time_base', '-1'],
        ...['-flush_packets', '1', '-f', 'nut'],
      ),
  );
}

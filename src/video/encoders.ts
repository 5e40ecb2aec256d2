import { distance } from 'fastest-levenshtein';

import { FfmpegError, UsageError } from '../errors/errors.js';
import type { FfmpegCapabilities } from './ffmpeg/capabilities.js';

/** How an encoder is told its quality and speed. */
interface EncoderOptions {
  /** Options for a constant quality; undefined where the encoder has no such thing. */
  quality?(value: number): string[];
  /** Quality when none is given. */
  readonly defaultQuality?: number;
  /** Name of the option that a preset is given with; undefined where there is none. */
  readonly presetOption?: string;
  /** Preset when none is given. */
  readonly defaultPreset?: string;
  /** What is changed of that preset; left out where the user names one. */
  readonly defaultPresetChanges?: readonly string[];
  /** Pixel format of the encoder's input. Default `yuv420p`. */
  readonly pixelFormat?: string;
  /** Whether width and height may be odd. Default false. */
  readonly oddSizes?: boolean;
  /** Filters after the conversion to the pixel format. */
  readonly filters?: readonly string[];
  /** Options that go before the inputs. */
  readonly globalOptions?: readonly string[];
  /** Further options. */
  readonly options?: readonly string[];
}

const crf = (value: number) => ['-crf', String(value)];
const x26x: EncoderOptions = { quality: crf, presetOption: '-preset' };
const vpx: EncoderOptions = {
  oddSizes: true,
  quality: (value) => [...crf(value), '-b:v', '0'],
  defaultQuality: 31,
  presetOption: '-cpu-used',
  defaultPreset: '6',
  options: ['-deadline', 'realtime', '-row-mt', '1'],
};
const nvenc: EncoderOptions = {
  quality: (value) => ['-rc', 'vbr', '-cq', String(value), '-b:v', '0'],
  defaultQuality: 21,
  presetOption: '-preset',
};
const qsv: EncoderOptions = {
  quality: (value) => ['-global_quality', String(value)],
  defaultQuality: 21,
  presetOption: '-preset',
  pixelFormat: 'nv12',
};
const vaapi: EncoderOptions = {
  quality: (value) => ['-qp', String(value)],
  defaultQuality: 21,
  pixelFormat: 'nv12',
  filters: ['hwupload'],
  globalOptions: ['-vaapi_device', '/dev/dri/renderD128'],
};
const videotoolbox: EncoderOptions = {
  quality: (value) => ['-q:v', String(Math.max(1, 100 - 2 * value))],
  defaultQuality: 18,
};
const qscale: EncoderOptions = { quality: (value) => ['-q:v', String(value)], defaultQuality: 2 };

const encoders: Readonly<Record<string, EncoderOptions>> = {
  // Of a translation's time encoding takes a good part, at 1280x720 nearly as much as the network. x264's "superfast" takes
  // half to three quarters as long as "veryfast", but its files are up to twice as large at the same crf, mostly since it
  // leaves out the macroblock tree, which gives the bits to what later frames are predicted from. With the tree, and
  // veryfast's ten frames to look ahead, it takes up to 15 % longer. At the same crf files are 4 to 16 % larger than
  // veryfast's, and 0.3 to 1.7 dB (PSNR, of 42 to 55) farther from what was encoded: drives, and what networks make of them.
  libx264: {
    ...x26x,
    defaultQuality: 18,
    defaultPreset: 'superfast',
    defaultPresetChanges: ['-x264-params', 'mbtree=1:rc-lookahead=10'],
  },
  libx265: {
    ...x26x,
    defaultQuality: 20,
    defaultPreset: 'veryfast',
    options: ['-x265-params', 'log-level=error', '-tag:v', 'hvc1'],
  },
  'libvpx-vp9': vpx,
  libvpx: { ...vpx, options: ['-deadline', 'realtime'] },
  libsvtav1: { quality: crf, defaultQuality: 30, presetOption: '-preset', defaultPreset: '9' },
  'libaom-av1': {
    quality: (value) => [...crf(value), '-b:v', '0'],
    defaultQuality: 30,
    presetOption: '-cpu-used',
    defaultPreset: '8',
  },
  h264_nvenc: nvenc,
  hevc_nvenc: nvenc,
  av1_nvenc: nvenc,
  h264_qsv: qsv,
  hevc_qsv: qsv,
  h264_vaapi: vaapi,
  hevc_vaapi: vaapi,
  h264_videotoolbox: videotoolbox,
  hevc_videotoolbox: videotoolbox,
  mpeg4: { ...qscale, defaultQuality: 3 },
  mjpeg: { ...qscale, pixelFormat: 'yuvj420p', oddSizes: true },
  libwebp: {
    quality: (value) => ['-quality', String(100 - value)],
    defaultQuality: 10,
    pixelFormat: 'bgra',
    oddSizes: true,
  },
  png: { pixelFormat: 'rgb24', oddSizes: true },
  bmp: { pixelFormat: 'bgr24', oddSizes: true },
  tiff: { pixelFormat: 'rgb24', oddSizes: true },
  ffv1: { pixelFormat: 'bgr0', oddSizes: true },
  prores_ks: { pixelFormat: 'yuv422p10le' },
  // A palette a frame: a palette for all would have to see the whole video first.
  gif: {
    pixelFormat: 'rgb24',
    oddSizes: true,
    filters: ['split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1'],
  },
};

/** Short names that people use for a codec, and the encoder they get. */
const aliases: Readonly<Record<string, string>> = {
  h264: 'libx264',
  x264: 'libx264',
  avc: 'libx264',
  h265: 'libx265',
  x265: 'libx265',
  hevc: 'libx265',
  vp8: 'libvpx',
  vp9: 'libvpx-vp9',
  av1: 'libsvtav1',
  prores: 'prores_ks',
};

/** How the video is to be encoded. */
export interface EncoderPlan {
  /** The encoder, as ffmpeg calls it. */
  readonly name: string;
  /** Pixel format of its input. */
  readonly pixelFormat: string;
  /** Whether its pictures may have an odd width and height. */
  readonly oddSizes: boolean;
  /** Filters after the conversion to that format. */
  readonly filters: readonly string[];
  /** Options that go before the inputs. */
  readonly globalOptions: readonly string[];
  /** Options that go after `-c:v`. */
  readonly options: readonly string[];
}

/**
 * Chooses the options of an encoder.
 *
 * @param codec - The encoder, as ffmpeg calls it, or a common short name.
 * @throws FfmpegError `encoder-missing` when this ffmpeg hasn't got it.
 * @throws UsageError when a quality or preset is asked of an encoder that knows none.
 */
export function planEncoder(
  codec: string,
  wanted: { readonly crf?: number | undefined; readonly preset?: string | undefined },
  capabilities: FfmpegCapabilities,
): EncoderPlan {
  const name = aliases[codec.toLowerCase()] ?? codec;
  if (!capabilities.encoders.has(name)) {
    throw missingEncoder(name, capabilities);
  }
  const encoder: EncoderOptions = encoders[name] ?? {};
  const quality = wanted.crf ?? encoder.defaultQuality;
  if (wanted.crf !== undefined && encoder.quality === undefined) {
    throw new UsageError(`The encoder "${name}" has no constant quality that --crf could set.`, {
      remedy: 'Leave --crf out, or choose --codec libx264.',
    });
  }
  const preset = wanted.preset ?? encoder.defaultPreset;
  const presetChanges = wanted.preset === undefined ? (encoder.defaultPresetChanges ?? []) : [];
  if (wanted.preset !== undefined && encoder.presetOption === undefined) {
    throw new UsageError(`The encoder "${name}" has no presets.`, { remedy: 'Leave --preset out.' });
  }
  return {
    name,
    pixelFormat: encoder.pixelFormat ?? 'yuv420p',
    oddSizes: encoder.oddSizes ?? false,
    filters: encoder.filters ?? [],
    globalOptions: encoder.globalOptions ?? [],
    options: [
      ...(encoder.options ?? []),
      ...(quality === undefined ? [] : (encoder.quality?.(quality) ?? [])),
      ...(preset === undefined || encoder.presetOption === undefined ? [] : [encoder.presetOption, preset]),
      ...presetChanges,
    ],
  };
}

function missingEncoder(name: string, capabilities: FfmpegCapabilities): FfmpegError {
  const near = Object.keys(encoders)
    .filter((known) => capabilities.encoders.has(known) && distance(known, name) <= 3)
    .join(' or ');
  return new FfmpegError('encoder-missing', `This ffmpeg has no encoder "${name}".`, {
    remedy: `${near === '' ? '' : `Did you mean ${near}? `}"vid2vid-turbo doctor" lists the encoders it has.`,
  });
}

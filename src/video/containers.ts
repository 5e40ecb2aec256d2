import { extname } from 'node:path';

import { distance } from 'fastest-levenshtein';

import { UsageError } from '../errors/errors.js';
import { isUrl } from './ffmpeg/allow-list.js';
import { isSequence } from './sequence.js';

/** What a container can hold, and what stands in for what it can't. */
export interface Container {
  /** Its muxer, as ffmpeg calls it. */
  readonly muxer: string;
  /** Video encoder that is used when none is named. */
  readonly videoCodec: string;
  /** Audio codecs that are copied as they are. */
  readonly audio: readonly (string | RegExp)[];
  /** How many sounds it holds. Default: any number. */
  readonly audioLimit?: number;
  /** Encoder for other audio; undefined when the container has no sound. */
  readonly audioEncoder: string | undefined;
  /** Subtitle codecs that are copied as they are. */
  readonly subtitles: readonly string[];
  /** Encoder for other text subtitles; undefined when there are none. */
  readonly subtitleEncoder: string | undefined;
  /** Whether fonts and other attachments are kept. */
  readonly attachments: boolean;
  /** Whether a picture of the cover is kept. */
  readonly coverArt: boolean;
  /** Whether it keeps chapters and tags. */
  readonly metadata: boolean;
  /** Further output options. */
  readonly options: readonly string[];
  /** Whether it is watched while it is written, and so written at the speed it plays. Default false. */
  readonly live?: boolean;
  /** `'file'` is one file, `'folder'` many (images, HLS segments). */
  readonly shape: 'file' | 'folder';
}

const pictureless = {
  audio: [],
  audioEncoder: undefined,
  subtitles: [],
  subtitleEncoder: undefined,
  attachments: false,
  coverArt: false,
  metadata: false,
  options: [],
} as const;

const mp4Audio = ['aac', 'mp3', 'mp2', 'ac3', 'eac3', 'alac', 'opus', 'dts'];

const mp4: Container = {
  muxer: 'mp4',
  videoCodec: 'libx264',
  audio: mp4Audio,
  audioEncoder: 'aac',
  subtitles: ['mov_text'],
  subtitleEncoder: 'mov_text',
  attachments: false,
  coverArt: true,
  metadata: true,
  options: ['-movflags', '+faststart'],
  shape: 'file',
};

const mov: Container = {
  ...mp4,
  muxer: 'mov',
  audio: [...mp4Audio.filter((codec) => codec !== 'opus'), /^pcm_(?!bluray|dvd)/, /^adpcm_ima_qt$/],
};

const matroska: Container = {
  ...mp4,
  muxer: 'matroska',
  audio: [
    ...[
      ...mp4Audio,
      'vorbis',
      'flac',
      'truehd',
      'mlp',
      'wavpack',
      'tta',
      'wmav1',
      'wmav2',
      'wmapro',
      'amr_nb',
      'amr_wb',
    ],
    /^pcm_(u8|s16le|s24le|s32le|f32le|f64le)$/,
  ],
  audioEncoder: 'flac',
  subtitles: ['subrip', 'ass', 'ssa', 'webvtt', 'hdmv_pgs_subtitle', 'dvd_subtitle', 'dvb_subtitle', 'text'],
  subtitleEncoder: 'srt',
  attachments: true,
  // Matroska keeps a cover as an attachment, which ffmpeg writes only from a file.
  coverArt: false,
  options: [],
};

const webm: Container = {
  ...matroska,
  muxer: 'webm',
  videoCodec: 'libvpx-vp9',
  audio: ['opus', 'vorbis'],
  audioEncoder: 'libopus',
  subtitles: ['webvtt'],
  subtitleEncoder: 'webvtt',
  attachments: false,
};

const mpegts: Container = {
  ...mp4,
  muxer: 'mpegts',
  audio: ['aac', 'mp3', 'mp2', 'ac3', 'eac3', 'opus', 'dts'],
  subtitles: ['dvb_subtitle', 'dvb_teletext'],
  subtitleEncoder: undefined,
  coverArt: false,
  options: [],
};

const flv: Container = { ...mpegts, muxer: 'flv', audio: ['aac', 'mp3'], audioLimit: 1, subtitles: [], options: [] };
const hls: Container = {
  ...mpegts,
  muxer: 'hls',
  subtitles: [],
  shape: 'folder',
  options: ['-hls_time', '4', '-hls_list_size', '0', '-hls_playlist_type', 'vod'],
};
const gif: Container = { ...pictureless, muxer: 'gif', videoCodec: 'gif', shape: 'file' };
const images = (videoCodec: string): Container => ({ ...pictureless, muxer: 'image2', videoCodec, shape: 'folder' });

/** Containers by the extension of the output. */
const byExtension: Readonly<Record<string, Container>> = {
  mp4,
  m4v: mp4,
  mov,
  mkv: matroska,
  webm,
  ts: mpegts,
  mts: mpegts,
  m2ts: mpegts,
  flv,
  m3u8: hls,
  gif,
};

/** Encoders of image sequences by extension. */
const imageCodecs: Readonly<Record<string, string>> = {
  png: 'png',
  jpg: 'mjpeg',
  jpeg: 'mjpeg',
  webp: 'libwebp',
  bmp: 'bmp',
  tif: 'tiff',
  tiff: 'tiff',
};

/** Containers by the name of their muxer, for `--format`. */
const byMuxer: Readonly<Record<string, Container>> = {
  mp4,
  mov,
  matroska,
  webm,
  mpegts,
  flv,
  hls,
  gif,
  rtsp: { ...mpegts, muxer: 'rtsp' },
  rtp_mpegts: { ...mpegts, muxer: 'rtp_mpegts' },
};

/** Containers by the protocol of the output. */
const byProtocol: Readonly<Record<string, string>> = {
  rtmp: 'flv',
  rtmps: 'flv',
  rtsp: 'rtsp',
  udp: 'mpegts',
  srt: 'mpegts',
  tcp: 'mpegts',
  rtp: 'rtp_mpegts',
};

/** Options that let a container be written where nothing can be rewritten: pipes and networks. */
const streamedOptions: Readonly<Record<string, readonly string[]>> = {
  mp4: ['-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
  mov: ['-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
  flv: ['-flvflags', 'no_duration_filesize'],
};

/** Extensions of outputs, for messages and completion. */
export const outputExtensions: readonly string[] = Object.keys(byExtension);

/**
 * The container of an output: by `format` when given, else by its protocol or extension.
 *
 * @throws UsageError when neither tells.
 */
export function containerFor(output: string, format: string | undefined): Container {
  const streamed = output === '-' || isUrl(output);
  const container = chooseContainer(output, format);
  const options = (streamed ? streamedOptions[container.muxer] : undefined) ?? container.options;
  const live = isUrl(output) && byProtocol[output.slice(0, output.indexOf(':')).toLowerCase()] !== undefined;
  return { ...container, options, live };
}

function chooseContainer(output: string, format: string | undefined): Container {
  if (format !== undefined) {
    // A muxer that isn't in the table gets what Matroska would: everything copied, and ffmpeg says what it can't.
    return byMuxer[format] ?? { ...matroska, muxer: format, attachments: false };
  }
  if (output === '-') {
    return matroska;
  }
  if (isUrl(output)) {
    const protocol = output.slice(0, output.indexOf(':')).toLowerCase();
    const path = URL.canParse(output) ? new URL(output).pathname : '';
    const known = byMuxer[byProtocol[protocol] ?? ''] ?? byExtension[extension(path)];
    if (known === undefined) {
      throw new UsageError(`The address "${output}" doesn't tell the container to send.`, {
        remedy: 'Name it: --format mpegts, for instance.',
      });
    }
    return known;
  }
  const suffix = extension(output);
  if (isSequence(output)) {
    const codec = imageCodecs[suffix];
    if (codec !== undefined) {
      return images(codec);
    }
  }
  const container = byExtension[suffix];
  if (container === undefined) {
    throw unknownExtension(output, suffix);
  }
  return container;
}

function unknownExtension(output: string, suffix: string): UsageError {
  const nearest = outputExtensions.find((known) => suffix !== '' && distance(known, suffix) <= 1);
  const remedy =
    suffix in imageCodecs
      ? `For one picture a frame give a pattern, as in frames/%05d.${suffix}.`
      : `${nearest === undefined ? '' : `Did you mean ".${nearest}"? `}Outputs end in ${outputExtensions.join(', ')}; or name the container with --format.`;
  return new UsageError(`"${output}" doesn't tell the kind of file to write.`, { remedy });
}

function extension(path: string): string {
  return extname(path).slice(1).toLowerCase();
}

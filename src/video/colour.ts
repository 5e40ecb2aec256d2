import type { FfmpegCapabilities } from './ffmpeg/capabilities.js';
import type { VideoStream } from './probe.js';

/** Colour tags of a video, each as ffmpeg calls it. */
export interface ColourTags {
  /** Luma and chroma from RGB: `bt709`, `smpte170m`, ... */
  readonly matrix: string;
  /** The colours of the three primaries. */
  readonly primaries: string;
  /** Light from code values. */
  readonly transfer: string;
}

/** How a video's colours become RGB and what is written on the way back. */
export interface ColourPlan {
  /** Filters that go before the picture is made RGB: tone mapping, or none. */
  readonly toneMapping: readonly string[];
  /** Options of the `scale` filter that makes it RGB. */
  readonly toRgb: string;
  /** Tags of the written video; always limited range. */
  readonly output: ColourTags;
  /** What the user should know about it. */
  readonly notice: string | undefined;
}

/** Names of the `scale` filter for the matrices that files are tagged with. */
const scaleMatrix: Readonly<Record<string, string>> = {
  bt709: 'bt709',
  fcc: 'fcc',
  bt470bg: 'bt601',
  smpte170m: 'bt601',
  smpte240m: 'smpte240m',
  bt2020nc: 'bt2020',
  bt2020c: 'bt2020',
};

const hdrTransfers = new Set(['smpte2084', 'arib-std-b67']);

/** What players take an untagged video for: BT.709 from 720 rows, BT.601 below. */
function assumedMatrix(width: number, height: number): string {
  return width >= 1280 || height > 576 ? 'bt709' : 'smpte170m';
}

function isRgb(pixelFormat: string | undefined): boolean {
  return /^(rgb|bgr|gbr|argb|abgr|rgba|bgra|pal8|0rgb|0bgr|mono|gray)/.test(pixelFormat ?? '');
}

/**
 * Plans the colours of a translation so that the RGB picture is right and, untouched, comes back as it was.
 *
 * HDR (PQ and HLG) is tone-mapped to BT.709, where the ffmpeg has zimg; everything else keeps its own primaries and
 * transfer.
 */
export function planColour(video: VideoStream, capabilities: FfmpegCapabilities): ColourPlan {
  const tagged = video.colour.matrix;
  const known = tagged !== undefined && tagged in scaleMatrix ? tagged : undefined;
  if (hdrTransfers.has(video.colour.transfer ?? '')) {
    return planHdr(video, known ?? 'bt2020nc', capabilities);
  }
  const matrix = known ?? assumedMatrix(video.width, video.height);
  const standard = matrix === 'bt709' ? 'bt709' : matrix === 'bt2020nc' ? 'bt2020' : 'smpte170m';
  return {
    toneMapping: [],
    toRgb: isRgb(video.pixelFormat) ? '' : rgbOptions(matrix, isFullRange(video)),
    output: {
      matrix: matrix === 'bt2020c' ? 'bt2020nc' : matrix,
      primaries: video.colour.primaries ?? standard,
      transfer: video.colour.transfer ?? (standard === 'smpte170m' ? 'smpte170m' : 'bt709'),
    },
    notice: undefined,
  };
}

function planHdr(video: VideoStream, matrix: string, capabilities: FfmpegCapabilities): ColourPlan {
  const output = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709' };
  const kind = video.colour.transfer === 'smpte2084' ? 'HDR (PQ)' : 'HDR (HLG)';
  if (!capabilities.filters.has('zscale') || !capabilities.filters.has('tonemap')) {
    return {
      toneMapping: [],
      toRgb: rgbOptions(matrix, isFullRange(video)),
      output,
      notice: `The input is ${kind}; this ffmpeg has no zscale filter to tone-map it with, so it will look pale.`,
    };
  }
  // Tags are filled in where the file leaves them out: zscale refuses to guess.
  const source = [
    `tin=${video.colour.transfer ?? 'smpte2084'}`,
    `min=${matrix === 'bt709' ? '709' : '2020_ncl'}`,
    `pin=${video.colour.primaries === 'bt709' ? '709' : '2020'}`,
    `rin=${isFullRange(video) ? 'full' : 'limited'}`,
  ].join(':');
  return {
    toneMapping: [
      `zscale=${source}:t=linear:npl=203`,
      'format=gbrpf32le',
      'zscale=p=bt709',
      'tonemap=tonemap=hable:desat=0',
      'zscale=t=bt709:m=bt709:r=limited',
      'format=yuv420p',
    ],
    toRgb: rgbOptions('bt709', false),
    output,
    notice: `The input is ${kind}: it is tone-mapped to standard dynamic range.`,
  };
}

function rgbOptions(matrix: string, fullRange: boolean): string {
  return `in_color_matrix=${scaleMatrix[matrix] ?? 'bt709'}:in_range=${fullRange ? 'full' : 'limited'}`;
}

function isFullRange(video: VideoStream): boolean {
  return video.colour.range === 'pc' || (video.pixelFormat ?? '').startsWith('yuvj');
}

/** Options of the `scale` filter that makes RGB into limited-range YUV with the given tags. */
export function fromRgbOptions(tags: ColourTags): string {
  return `out_color_matrix=${scaleMatrix[tags.matrix] ?? 'bt709'}:out_range=limited`;
}

/** Transfers that the option calls otherwise than ffprobe does. */
const transferOptions: Readonly<Record<string, string>> = {
  bt470m: 'gamma22',
  bt470bg: 'gamma28',
  log100: 'log',
  log316: 'log_sqrt',
};

/** Output options that write the colour tags into the stream and its container. */
export function colourTagOptions(tags: ColourTags): string[] {
  return [
    ...['-color_range', 'tv', '-colorspace', tags.matrix],
    ...['-color_primaries', tags.primaries, '-color_trc', transferOptions[tags.transfer] ?? tags.transfer],
  ];
}

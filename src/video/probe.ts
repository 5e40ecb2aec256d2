import { stat } from 'node:fs/promises';

import { execa } from 'execa';
import { z } from 'zod';

import { InputError, throwIfCanceled } from '../errors/errors.js';
import type { Rational } from '../frame/frame.js';
import { inputFailure } from './ffmpeg/failure.js';
import type { FfmpegPrograms } from './ffmpeg/locate.js';
import type { InputLocation } from './ffmpeg/allow-list.js';

/** Longest wait for ffprobe, milliseconds; a URL may be slow. */
const probeTimeout = 60_000;

const tags = z.record(z.string(), z.string()).default({});

const streamSchema = z.object({
  index: z.int(),
  codec_type: z.string().default('data'),
  codec_name: z.string().default('unknown'),
  width: z.int().optional(),
  height: z.int().optional(),
  pix_fmt: z.string().optional(),
  color_range: z.string().optional(),
  color_space: z.string().optional(),
  color_transfer: z.string().optional(),
  color_primaries: z.string().optional(),
  field_order: z.string().optional(),
  sample_aspect_ratio: z.string().optional(),
  r_frame_rate: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  nb_frames: z.string().optional(),
  duration: z.string().optional(),
  disposition: z.record(z.string(), z.number()).default({}),
  tags,
  side_data_list: z.array(z.looseObject({ rotation: z.number().optional() })).default([]),
});

const probeSchema = z.object({
  streams: z.array(streamSchema).default([]),
  chapters: z.array(z.unknown()).default([]),
  format: z
    .object({ format_name: z.string(), duration: z.string().optional(), start_time: z.string().optional(), tags })
    .optional(),
});

type ProbedStream = z.output<typeof streamSchema>;

/**
 * A stream of a file that isn't its picture: sound, subtitles, attachments, cover art.
 *
 * @group Reading and writing video
 */
export interface SideStream {
  /** Its number in the file. */
  readonly index: number;
  /** What it holds; cover art is video. */
  readonly kind: 'audio' | 'subtitle' | 'attachment' | 'video' | 'data';
  /** Its codec, as ffmpeg calls it. */
  readonly codec: string;
  /** Whether it is a picture of the cover. */
  readonly coverArt: boolean;
  /** Its language, where stated. */
  readonly language: string | undefined;
}

/**
 * What the picture of a file is like, before any filter.
 *
 * @group Reading and writing video
 */
export interface VideoStream {
  /** Its number in the file. */
  readonly index: number;
  /** Its codec, as ffmpeg calls it. */
  readonly codec: string;
  /** Pixels a row as shown, its rotation applied. */
  readonly width: number;
  /** Rows as shown. */
  readonly height: number;
  /** Nominal frames a second. */
  readonly frameRate: Rational | undefined;
  /** Frames there will be, as far as the file tells; an estimate where it states only its length. */
  readonly frameCount: number | undefined;
  /** Whether its rows come as two fields. */
  readonly interlaced: boolean;
  /** Pixel format, as ffmpeg calls it. */
  readonly pixelFormat: string | undefined;
  /** Colour tags, as ffmpeg calls them; undefined where the file has none. */
  readonly colour: {
    /** `tv` (limited) or `pc` (full). */
    readonly range: string | undefined;
    /** Luma and chroma from RGB. */
    readonly matrix: string | undefined;
    /** Light from code values. */
    readonly transfer: string | undefined;
    /** The colours of the three primaries. */
    readonly primaries: string | undefined;
  };
  /** Tags worth keeping: language and title. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * What is in a file.
 *
 * @group Reading and writing video
 */
export interface MediaInfo {
  /** The picture that is translated. */
  readonly video: VideoStream;
  /** All other streams. */
  readonly sideStreams: readonly SideStream[];
  /** Chapters. */
  readonly chapterCount: number;
  /** Length in seconds; undefined for a live stream. */
  readonly duration: number | undefined;
  /** The container, as ffmpeg calls it. */
  readonly format: string;
}

/**
 * Asks ffprobe what is in an input.
 *
 * @throws InputError when it isn't there, isn't a video, or has no picture.
 */
export async function probe(
  programs: FfmpegPrograms,
  location: InputLocation,
  input: string,
  signal?: AbortSignal,
): Promise<MediaInfo> {
  await assertNotEmpty(location, input);
  const result = await execa(
    programs.ffprobe,
    [
      ...['-v', 'error', ...location.options, '-print_format', 'json'],
      ...['-show_format', '-show_streams', '-show_chapters', '-i', location.url],
    ],
    {
      reject: false,
      stdin: 'ignore',
      timeout: probeTimeout,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    },
  );
  throwIfCanceled(signal);
  if (result.timedOut) {
    throw new InputError('input-unreadable', `"${input}" sent nothing for ${probeTimeout / 1000} seconds.`);
  }
  if (result.failed) {
    const stderrTail = result.stderr.split('\n').slice(-20);
    const startError = result.exitCode === undefined && result.cause instanceof Error ? result.cause : undefined;
    throw inputFailure({ code: result.exitCode, stderrTail, stopped: result.isCanceled, startError }, input);
  }
  return describe(probeSchema.parse(JSON.parse(result.stdout)), input);
}

async function assertNotEmpty(location: InputLocation, input: string): Promise<void> {
  const found = location.kind === 'file' ? await stat(input).catch(() => undefined) : undefined;
  if (found?.isFile() && found.size === 0) {
    throw new InputError('input-not-video', `"${input}" is empty.`);
  }
}

function describe(probed: z.output<typeof probeSchema>, input: string): MediaInfo {
  const isCover = (stream: ProbedStream) => stream.disposition.attached_pic === 1;
  const pictures = probed.streams.filter((stream) => stream.codec_type === 'video' && !isCover(stream));
  const main = pictures.find((stream) => stream.disposition.default === 1) ?? pictures[0];
  if (main === undefined) {
    const kinds = [...new Set(probed.streams.map((stream) => stream.codec_type))].join(' and ');
    throw new InputError('input-not-video', `"${input}" has no video stream${kinds === '' ? '' : `, only ${kinds}`}.`);
  }
  if (main.width === undefined || main.height === undefined || main.width * main.height === 0) {
    throw new InputError('input-not-video', `The video stream of "${input}" states no size.`, {
      remedy: 'The file may be cut off or hold no frames.',
    });
  }
  const duration = positive(probed.format?.duration) ?? positive(main.duration);
  return {
    video: describeVideo(main, duration),
    sideStreams: probed.streams
      .filter((stream) => stream !== main)
      .map((stream) => ({
        index: stream.index,
        kind: sideKind(stream.codec_type),
        codec: stream.codec_name,
        coverArt: isCover(stream),
        language: stream.tags.language,
      })),
    chapterCount: probed.chapters.length,
    duration,
    format: probed.format?.format_name ?? 'unknown',
  };
}

function describeVideo(stream: ProbedStream, duration: number | undefined): VideoStream {
  const frameRate = parseRational(stream.avg_frame_rate) ?? parseRational(stream.r_frame_rate);
  const stated = positive(stream.nb_frames);
  const estimated =
    frameRate === undefined || duration === undefined
      ? undefined
      : Math.round((duration * frameRate.numerator) / frameRate.denominator);
  const sideways = Math.abs(rotation(stream)) % 180 === 90;
  const [width, height] = [stream.width ?? 0, stream.height ?? 0];
  return {
    index: stream.index,
    codec: stream.codec_name,
    width: sideways ? height : width,
    height: sideways ? width : height,
    frameRate: parseRational(stream.r_frame_rate) ?? frameRate,
    frameCount: stated ?? estimated,
    interlaced: ['tt', 'bb', 'tb', 'bt'].includes(stream.field_order ?? ''),
    pixelFormat: stream.pix_fmt,
    colour: {
      range: known(stream.color_range),
      matrix: known(stream.color_space),
      transfer: known(stream.color_transfer),
      primaries: known(stream.color_primaries),
    },
    tags: Object.fromEntries(
      Object.entries(stream.tags).filter(([key]) => ['language', 'title'].includes(key.toLowerCase())),
    ),
  };
}

function sideKind(codecType: string): SideStream['kind'] {
  return codecType === 'audio' || codecType === 'subtitle' || codecType === 'attachment' || codecType === 'video'
    ? codecType
    : 'data';
}

/** Degrees that the picture is to be turned; old versions state it as a tag, new ones as side data. */
function rotation(stream: ProbedStream): number {
  const sideData = stream.side_data_list.find((entry) => entry.rotation !== undefined)?.rotation;
  return Math.round(sideData ?? Number(stream.tags.rotate ?? 0)) || 0;
}

function known(tag: string | undefined): string | undefined {
  return tag === undefined || tag === 'unknown' || tag === 'unspecified' || tag === 'reserved' ? undefined : tag;
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

function parseRational(text: string | undefined): Rational | undefined {
  const [numerator = 0, denominator = 0] = (text ?? '').split(/[/:]/).map(Number);
  return numerator > 0 && denominator > 0 ? { numerator, denominator } : undefined;
}

import { availableParallelism, cpus, totalmem } from 'node:os';

import { listModels, type ModelListing } from '../catalogue/list-models.js';
import { Vid2VidError } from '../errors/errors.js';
import { listProviders, type ProviderListing } from '../generator/list-providers.js';
import { probeCapabilities } from '../video/ffmpeg/capabilities.js';
import { locateFfmpeg, type FfmpegOrigin } from '../video/ffmpeg/locate.js';

/**
 * Something that is missing or wrong on this machine, and what mends it.
 *
 * @group System
 */
export interface SystemProblem {
  /** `'error'` keeps videos from being translated; `'warning'` makes it slower or leaves something out. */
  readonly severity: 'error' | 'warning';
  /** What is wrong. */
  readonly message: string;
  /** What to do about it, a command where there is one. */
  readonly remedy: string | undefined;
}

/**
 * The ffmpeg that is used.
 *
 * @group System
 */
export interface FfmpegReport {
  /** Path of ffmpeg. */
  readonly path: string;
  /** Path of ffprobe. */
  readonly ffprobePath: string;
  /** Version, as ffmpeg prints it. */
  readonly version: string;
  /** Where it was found. */
  readonly origin: FfmpegOrigin;
  /** Which of the video encoders that this project knows how to set it has. */
  readonly encoders: readonly string[];
}

/**
 * What this machine brings to translating video.
 *
 * @group System
 */
export interface SystemReport {
  /** Version of Node. */
  readonly node: string;
  /** Operating system and processor architecture. */
  readonly platform: string;
  /** Name of the processor. */
  readonly processor: string;
  /** Cores that this process may use. */
  readonly cores: number;
  /** Memory of the machine, MiB. */
  readonly memoryMb: number;
  /** The ffmpeg that is used; undefined when there is none. */
  readonly ffmpeg: FfmpegReport | undefined;
  /** Where networks can run. */
  readonly providers: readonly ProviderListing[];
  /** Models that are there. */
  readonly models: readonly ModelListing[];
  /** What is wrong, worst first. */
  readonly problems: readonly SystemProblem[];
}

const knownEncoders = [
  ...['libx264', 'libx265', 'libvpx-vp9', 'libsvtav1', 'libaom-av1', 'h264_nvenc', 'hevc_nvenc', 'av1_nvenc'],
  ...['h264_qsv', 'hevc_qsv', 'h264_vaapi', 'hevc_vaapi', 'h264_videotoolbox', 'hevc_videotoolbox', 'gif', 'png'],
];

/**
 * Looks at this machine: ffmpeg, execution providers, cores, models, and what is missing.
 *
 * @param options - `ffmpeg`: path of the ffmpeg to use.
 * @group System
 */
export async function inspectSystem(options: { readonly ffmpeg?: string | undefined } = {}): Promise<SystemReport> {
  const problems: SystemProblem[] = [];
  const [ffmpeg, providers, models] = await Promise.all([
    inspectFfmpeg(options.ffmpeg, problems),
    listProviders(),
    listModels(),
  ]);
  if (!providers.some((provider) => provider.available)) {
    const remedy = providers.find((provider) => provider.name === 'cpu')?.remedy;
    problems.push({ severity: 'error', message: 'No execution provider works, not even the CPU.', remedy });
  }
  if (models.length === 0) {
    problems.push({ severity: 'error', message: 'No model is there.', remedy: 'npm install vid2vid-turbo' });
  }
  for (const model of models) {
    if (model.problem !== undefined) {
      problems.push({ severity: 'error', message: model.problem, remedy: 'npm install vid2vid-turbo' });
    }
  }
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 2 ** 20),
    ffmpeg,
    providers,
    models,
    problems: problems.sort((a, b) => a.severity.localeCompare(b.severity)),
  };
}

async function inspectFfmpeg(path: string | undefined, problems: SystemProblem[]): Promise<FfmpegReport | undefined> {
  try {
    const programs = await locateFfmpeg(path);
    const capabilities = await probeCapabilities(programs.ffmpeg);
    const encoders = knownEncoders.filter((encoder) => capabilities.encoders.has(encoder));
    if (!capabilities.encoders.has('libx264')) {
      problems.push({
        severity: 'error',
        message: `The ffmpeg at ${programs.ffmpeg} has no libx264, the encoder of mp4, mov and mkv.`,
        remedy: 'Install a full ffmpeg (apt install ffmpeg), or unset FFMPEG_PATH to use the bundled one.',
      });
    }
    if (!capabilities.filters.has('zscale')) {
      problems.push({
        severity: 'warning',
        message: `The ffmpeg at ${programs.ffmpeg} has no zscale filter: HDR video can't be tone-mapped.`,
        remedy: 'Install a full ffmpeg (apt install ffmpeg).',
      });
    }
    if (programs.origin === 'bundled') {
      problems.push({
        severity: 'warning',
        message:
          'The bundled ffmpeg is of 2018: newer ones decode and encode faster, and know AV1 and hardware encoders.',
        remedy: 'apt install ffmpeg (Debian, Ubuntu), brew install ffmpeg (macOS), winget install ffmpeg (Windows)',
      });
    }
    return {
      path: programs.ffmpeg,
      ffprobePath: programs.ffprobe,
      version: programs.version.text,
      origin: programs.origin,
      encoders,
    };
  } catch (error) {
    if (!(error instanceof Vid2VidError)) {
      throw error;
    }
    problems.push({ severity: 'error', message: error.message, remedy: error.remedy });
    return undefined;
  }
}

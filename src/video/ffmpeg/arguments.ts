import FluentFfmpeg, { type FfmpegCommand } from 'fluent-ffmpeg';

/**
 * Builds ffmpeg's command line with fluent-ffmpeg's builder. Only the builder is used: fluent-ffmpeg is archived
 * (https://github.com/fluent-ffmpeg/node-fluent-ffmpeg/issues/1324), its capability checks misread newer versions, and it
 * hides the pipes that raw frames need. Starting and stopping the process is `FfmpegProcess`'s.
 */
export function ffmpegArguments(build: (command: FfmpegCommand) => FfmpegCommand): string[] {
  const command = build(FluentFfmpeg()) as FfmpegCommand & { _getArguments(): string[] };
  // Outputs have temporary names of their own, or are pipes and devices: nothing here is there to be asked about.
  return ['-y', '-hide_banner', '-nostdin', '-nostats', '-loglevel', 'level+warning', ...command._getArguments()];
}

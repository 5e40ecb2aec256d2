import { UsageError } from '../../errors/errors.js';
import { containerFor, type Container } from '../containers.js';
import { isUrl, localPath } from '../ffmpeg/allow-list.js';
import { ffmpegArguments } from '../ffmpeg/arguments.js';

/** How an output is written: raw pictures to a device, coded ones to a file or a stream. */
export type OutputPlan =
  { readonly kind: 'device' } | { readonly kind: 'file' | 'stream'; readonly container: Container };

const copyable = new Set(['mp4', 'mov', 'matroska', 'mpegts', 'flv', 'hls', 'rtsp', 'rtp_mpegts']);

/**
 * Makes out what an output is.
 *
 * @throws UsageError for what takes no H.264.
 */
export function planOutput(output: string): OutputPlan {
  if (/^\/dev\/video\d+$/.test(output)) {
    return { kind: 'device' };
  }
  const container = containerFor(output, undefined);
  if (output === '-' || !copyable.has(container.muxer)) {
    throw new UsageError(`A live stream can't be written to "${output}": it is H.264.`, {
      remedy: 'Give a file ending in .mp4, .mkv or .ts, an rtmp, rtsp, srt or hls address, or /dev/videoN.',
    });
  }
  // A playlist is watched while it is written, so it can't have another name until it is complete.
  return { kind: isUrl(output) || container.muxer === 'hls' ? 'stream' : 'file', container };
}

/** What ffmpeg is to call a stream. A playlist has no `file:` before it: ffmpeg could not delete its old segments then. */
export function liveUrl(output: string): string {
  return isUrl(output) ? output : localPath(output);
}

/**
 * What ffmpeg is told in order to write it.
 *
 * @param again - Whether it was written before and broke off: a playlist goes on where it was.
 */
export function outputArguments(url: string, plan: OutputPlan, again: boolean): string[] {
  return ffmpegArguments((command) =>
    command
      .input('pipe:0')
      .inputOptions('-f', 'nut', '-probesize', '32', '-fpsprobesize', '0', '-analyzeduration', '0')
      .output(url)
      .outputOptions(
        ...(plan.kind === 'device'
          ? ['-map', '0:v:0', '-c:v', 'rawvideo', '-threads', '1', '-pix_fmt', 'yuv420p', '-f', 'v4l2']
          : ['-map', '0:v:0', '-c:v', 'copy', ...muxerOptions(plan, again), '-f', plan.container.muxer]),
      ),
  );
}

function muxerOptions({ kind, container }: Exclude<OutputPlan, { kind: 'device' }>, again: boolean): string[] {
  if (container.muxer === 'hls') {
    return ['-hls_time', '2', '-hls_list_size', '6', '-hls_flags', `delete_segments${again ? '+append_list' : ''}`];
  }
  if (container.muxer === 'rtsp') {
    return ['-rtsp_transport', 'tcp'];
  }
  return [...container.options, ...(kind === 'stream' ? ['-flush_packets', '1'] : [])];
}

import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InputError } from '../../errors/errors.js';
import { firstNumber, isSequence } from '../sequence.js';

/**
 * Demuxers of files that hold their media themselves. Left out on purpose: playlists and scripts (hls, concat, dash,
 * sdp, imf, ffmetadata...), which name other files and hosts, and virtual devices (lavfi, x11grab, v4l2...).
 */
const selfContainedDemuxers = [
  'mov mp4 m4a 3gp 3g2 mj2 matroska webm avi mpegts mpeg mpegvideo flv live_flv ogg asf gif ivf nut mxf mxf_opatom gxf rm wtv',
  'dv swf vob h264 hevc av1 obu vc1 m4v mjpeg mpjpeg yuv4mpegpipe apng dirac nsv cavsvideo amv roq smk bink film_cpk flic',
  'thp r3d cine nuv pva h261 h263 webp_pipe png_pipe jpeg_pipe bmp_pipe tiff_pipe mjpeg_2000',
  // Sound alone: opened only to say that there is no picture in it.
  'mp3 wav flac aac aiff ac3 eac3 dts caf w64 tta wv ape amr au',
].flatMap((names) => names.split(' '));

const networkProtocols =
  'http https httpproxy tcp tls crypto rtmp rtmps rtmpt rtmpts rtsp rtp srtp udp srt hls ftp sftp data'.split(' ');

/** How ffmpeg is to open an input: its URL, and the options that keep it from opening anything else. */
export interface InputLocation {
  /** What goes after `-i`. */
  readonly url: string;
  /** Options that go before `-i`. */
  readonly options: readonly string[];
  /** Where it is. */
  readonly kind: 'file' | 'sequence' | 'network';
}

/** Whether a text is a URL rather than the path of a file. Two letters at least: `C:\clip.mp4` is a path. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(text) && !/^file:/i.test(text) && !isAbsolute(text);
}

/** The absolute path of a local file, given as a path or as `file:` and a path. */
export function localPath(text: string): string {
  return /^file:\/\//i.test(text) ? fileURLToPath(text) : resolve(text.replace(/^file:/i, ''));
}

/**
 * How an input may be opened. A local file can only open itself; a URL can only reach the network, never a local file.
 *
 * @param input - Path or URL.
 * @param frameRate - Frames a second of an image sequence.
 * @throws InputError `input-refused` for a protocol that isn't on the list.
 */
export async function locateInput(input: string, frameRate: number): Promise<InputLocation> {
  if (!isUrl(input) && isSequence(localPath(input))) {
    const start = await firstNumber(localPath(input));
    return {
      kind: 'sequence',
      url: `file:${localPath(input)}`,
      options: [
        ...['-protocol_whitelist', 'file', '-f', 'image2'],
        ...['-framerate', String(frameRate), '-start_number', String(start)],
      ],
    };
  }
  if (!isUrl(input)) {
    return {
      kind: 'file',
      url: `file:${localPath(input)}`,
      options: ['-protocol_whitelist', 'file', '-format_whitelist', selfContainedDemuxers.join(',')],
    };
  }
  const protocol = input.slice(0, input.indexOf(':')).toLowerCase();
  if (!networkProtocols.includes(protocol) || protocol === 'data') {
    throw new InputError('input-refused', `Inputs of the kind "${protocol}:" are not opened.`, {
      remedy: 'Give the path of a file, or an http, https, rtmp, rtsp, srt, udp or rtp URL.',
    });
  }
  return {
    kind: 'network',
    url: input,
    options: [
      ...['-protocol_whitelist', networkProtocols.join(',')],
      ...['-format_whitelist', [...selfContainedDemuxers, 'hls', 'applehttp', 'dash', 'rtsp', 'sdp', 'rtp'].join(',')],
    ],
  };
}

import { isAbsolute, resolve } from 'node:path';

import { InputError } from '../../errors/errors.js';

/**
 * Demuxers of files that hold their media themselves. Left out on purpose: playlists and scripts (hls, concat, dash,
 * sdp, imf, ffmetadata...), which name other files and hosts, and virtual devices (lavfi, x11grab, v4l2...).
 */
const selfContainedDemuxers = [
  ...[
    'mov',
    'mp4',
    'm4a',
    '3gp',
    '3g2',
    'mj2',
    'matroska',
    'webm',
    'avi',
    'mpegts',
    'mpeg',
    'mpegvideo',
    'flv',
    'live_flv',
  ],
  ...[
    'ogg',
    'asf',
    'gif',
    'ivf',
    'nut',
    'mxf',
    'mxf_opatom',
    'gxf',
    'rm',
    'wtv',
    'dv',
    'swf',
    'vob',
    'h264',
    'hevc',
    'av1',
    'obu',
  ],
  ...[
    'vc1',
    'm4v',
    'mjpeg',
    'mpjpeg',
    'yuv4mpegpipe',
    'apng',
    'webp_pipe',
    'png_pipe',
    'jpeg_pipe',
    'mjpeg_2000',
    'dirac',
    'nsv',
  ],
  ...[
    'cavsvideo',
    'amv',
    'roq',
    'smk',
    'bink',
    'film_cpk',
    'flic',
    'fli',
    'thp',
    'r3d',
    'cine',
    'nuv',
    'pva',
    'y4m',
    'h261',
    'h263',
  ],
];

const networkProtocols = [
  ...[
    'http',
    'https',
    'httpproxy',
    'tcp',
    'tls',
    'crypto',
    'rtmp',
    'rtmps',
    'rtmpt',
    'rtmpts',
    'rtsp',
    'rtp',
    'srtp',
    'udp',
    'srt',
  ],
  ...['hls', 'ftp', 'sftp', 'data'],
];

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
  return /^[a-z][a-z0-9+.-]+:/i.test(text) && !isAbsolute(text);
}

/** Whether a path names an image sequence, `frames/%05d.png`. */
export function isSequence(path: string): boolean {
  return /%0?\d*d/.test(path) && !isUrl(path);
}

/**
 * How an input may be opened. A local file can only open itself; a URL can only reach the network, never a local file.
 *
 * @param input - Path or URL.
 * @param frameRate - Frames a second of an image sequence.
 * @throws InputError `input-refused` for a protocol that isn't on the list.
 */
export function locateInput(input: string, frameRate: number): InputLocation {
  if (isSequence(input)) {
    return {
      kind: 'sequence',
      url: `file:${resolve(input)}`,
      options: ['-protocol_whitelist', 'file', '-f', 'image2', '-framerate', String(frameRate)],
    };
  }
  if (!isUrl(input)) {
    return {
      kind: 'file',
      url: `file:${resolve(input)}`,
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

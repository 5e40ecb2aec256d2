import { InputError } from '../../errors/errors.js';
import { planColour } from '../colour.js';
import { isUrl, localPath, locateInput } from '../ffmpeg/allow-list.js';
import type { FfmpegCapabilities } from '../ffmpeg/capabilities.js';
import type { FfmpegPrograms } from '../ffmpeg/locate.js';
import { probe } from '../probe.js';
import { assertSensibleSize } from '../size.js';
import { listCaptureDevices, type CaptureDevice } from './capture-devices.js';
import { liveFilters } from './decode-filters.js';

/** How a live source is opened. */
export interface LiveInputPlan {
  /** What the user calls it. */
  readonly name: string;
  /** What goes after `-i`. */
  readonly url: string;
  /** What goes before it, when it is opened so many seconds after its beginning. */
  options(startSeconds: number): readonly string[];
  /** The stream to read. */
  readonly map: string;
  /** What makes pictures of the working size. */
  readonly filters: string;
  /** Whether it gives pictures as fast as they are taken, so that somebody has to wait until they are due. */
  readonly paced: boolean;
  /** Seconds it lasts, where it has an end. */
  readonly duration: number | undefined;
  /** Nominal frames a second, where it states them. */
  readonly frameRate: number | undefined;
  /** Things the user should know. */
  readonly notices: readonly string[];
}

/** What all kinds of sources are asked. */
export interface LiveInputOptions {
  /** Size to work at. */
  readonly size: string | undefined;
  /** Most frames a second. */
  readonly frameRate: number | undefined;
  readonly programs: FfmpegPrograms;
  readonly capabilities: FfmpegCapabilities;
  readonly signal: AbortSignal;
}

/** Longest wait for an address to say what it holds, milliseconds. */
const probeTimeout = 15_000;
/** Rows and columns of the picture a camera is asked for where nothing is said: what every camera gives at its full rate. */
const cameraSize = '640x480';
const cameraRate = 30;

/**
 * Nothing is held back for order's sake or to keep several threads busy with a picture each. (Not `-fflags nobuffer`: it
 * would throw away what was read to find out what is there, and the first key frame with it.)
 */
const lowDelay = ['-flags', 'low_delay', '-thread_type', 'slice'] as const;

/**
 * How a video file is played.
 *
 * @throws InputError when it can't be read as a video.
 */
export async function planFile(path: string, options: LiveInputOptions): Promise<LiveInputPlan> {
  if (isUrl(path)) {
    throw new InputError('input-refused', `"${path}" is an address, not a file.`);
  }
  const location = await locateInput(path, options.frameRate ?? 25);
  const media = await probe(options.programs, location, path, options.signal);
  assertSensibleSize(media.video, path);
  const colour = planColour(media.video, options.capabilities);
  const rate = media.video.frameRate;
  return {
    name: path,
    url: location.url,
    options: (start) => [...location.options, ...(start > 0 ? ['-ss', start.toFixed(3)] : [])],
    map: `0:${media.video.index}`,
    filters: liveFilters({
      ...{ size: options.size, frameRate: options.frameRate, toRgb: colour.toRgb },
      before: [...(media.video.interlaced ? ['bwdif=mode=send_frame'] : []), ...colour.toneMapping],
    }),
    paced: true,
    duration: media.duration,
    frameRate: rate === undefined ? undefined : rate.numerator / rate.denominator,
    notices: colour.notice === undefined ? [] : [colour.notice],
  };
}

/** @throws InputError for what is no address, or of a protocol that isn't opened. */
export async function assertMayOpen(url: string): Promise<void> {
  if (!isUrl(url)) {
    throw new InputError('input-refused', `"${url}" is not an address.`);
  }
  await locateInput(url, 25);
}

/**
 * How a stream is read. What comes over http may be a recording, which is then played at its own pace.
 *
 * @throws InputError for a protocol that isn't opened, or one over http that doesn't answer.
 */
export async function planUrl(url: string, options: LiveInputOptions): Promise<LiveInputPlan> {
  const location = await locateInput(url, 25);
  const rtsp = /^rtsp:/i.test(url);
  const recording = /^(https?|hls|s?ftp):/i.test(url) ? await probeAddress(url, location, options) : undefined;
  const paced = recording?.duration !== undefined || /^(hls|dash)/.test(recording?.format ?? '');
  return {
    name: url,
    url: location.url,
    options: () => [
      ...location.options,
      ...(rtsp ? ['-rtsp_transport', 'tcp'] : []),
      ...(paced ? [] : [...lowDelay, '-probesize', '500000', '-analyzeduration', '1000000']),
      // Pictures without times of their own get that of their arrival.
      ...(recording?.format === 'mpjpeg' ? ['-use_wallclock_as_timestamps', '1'] : []),
    ],
    map: '0:v:0',
    filters: liveFilters(options),
    paced,
    duration: recording?.duration,
    frameRate: undefined,
    notices: [],
  };
}

async function probeAddress(
  url: string,
  location: Awaited<ReturnType<typeof locateInput>>,
  { programs, signal }: LiveInputOptions,
) {
  const timeout = AbortSignal.timeout(probeTimeout);
  try {
    return await probe(programs, location, url, AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !signal.aborted) {
      throw new InputError('input-unreadable', `"${url}" sent nothing for ${probeTimeout / 1000} seconds.`, {
        remedy: 'Check that it is on, and that this machine may reach it.',
      });
    }
    throw error;
  }
}

/**
 * How a camera is read.
 *
 * @param device - Its id or name; undefined for the first one.
 * @throws InputError when there is none.
 */
export async function planCamera(device: string | undefined, options: LiveInputOptions): Promise<LiveInputPlan> {
  const devices = await listCaptureDevices({ ffmpeg: options.programs.ffmpeg });
  const camera = device === undefined ? devices[0] : devices.find(({ id, name }) => id === device || name === device);
  if (camera === undefined) {
    const known = devices.map(({ id }) => id).join(', ');
    throw new InputError(
      'input-not-found',
      device === undefined ? 'This machine has no camera.' : `There is no camera "${device}".`,
      {
        remedy: known === '' ? 'Connect a camera; "vid2vid-turbo devices" lists them.' : `Cameras here: ${known}.`,
      },
    );
  }
  const rate = options.frameRate ?? cameraRate;
  const size = /^\d+x\d+$/.test(options.size ?? '') ? (options.size ?? cameraSize) : cameraSize;
  return {
    name: camera.name,
    url: cameraUrl(camera),
    options: () => [
      ...['-f', camera.backend, '-framerate', String(rate), '-video_size', size],
      ...(camera.backend === 'dshow' ? ['-rtbufsize', '64M'] : []),
      ...[...lowDelay, '-probesize', '32', '-analyzeduration', '0'],
    ],
    map: '0:v:0',
    filters: liveFilters({ size: options.size, frameRate: undefined }),
    paced: false,
    duration: undefined,
    frameRate: rate,
    notices: [],
  };
}

function cameraUrl({ id, backend }: CaptureDevice): string {
  switch (backend) {
    case 'v4l2':
      return localPath(id);
    case 'avfoundation':
      return `${id}:none`;
    case 'dshow':
      return `video=${id}`;
  }
}

import type { DeviceName } from '../generator/execution-providers.js';
import type { AccessUnit, LiveCodec, LiveStream, LiveTracks, PushedUnit } from './pictures.js';
import type { LiveStatistics } from './statistics.js';

/**
 * Where live pictures come from.
 *
 * - `camera`: a camera of this machine, by the name that `listCaptureDevices()` gives; the first one where none is named.
 * - `file`: a video file at its own pace, again and again or once.
 * - `url`: a stream: rtsp, http(s) (hls among them), rtmp, srt, udp.
 * - `pushed`: coded pictures that somebody hands over with {@link LiveTranslation.push}, such as a browser's camera.
 *
 * @group Live
 */
export type LiveSourceDescription =
  | {
      /** A camera of this machine. */
      readonly kind: 'camera';
      /** Its name. Default: the first one. */
      readonly device?: string | undefined;
    }
  | {
      /** A video file, at its own pace. */
      readonly kind: 'file';
      /** Where it is. */
      readonly path: string;
      /** Whether it starts again at its end. Default false. */
      readonly loop?: boolean | undefined;
    }
  | {
      /** A stream. */
      readonly kind: 'url';
      /** Its address. */
      readonly url: string;
    }
  | {
      /** Coded pictures that somebody hands over. */
      readonly kind: 'pushed';
      /** H.264 as Annex B access units without reordered frames, or whole JPEG pictures. */
      readonly codec: LiveCodec;
      /** Pixels a row of the coded pictures. */
      readonly width: number;
      /** Their rows. */
      readonly height: number;
    };

/**
 * Options of {@link openLiveTranslation}. What is left out has the default named here.
 *
 * @group Live
 */
export interface LiveTranslationOptions {
  /** Where the pictures come from. */
  readonly source: LiveSourceDescription;
  /** What is done to them. Default `'day-to-night'`. */
  readonly effect?: string | undefined;
  /** Model to run, whatever its effect: its id, or the folder of a model package. Default: the first that has the effect. */
  readonly model?: string | undefined;
  /** How much of the effect, 0 (the source) to 1 (all, default). */
  readonly strength?: number | undefined;
  /**
   * Size to work at: `'source'`, `'1280x720'` or `'720p'`. Default: 360 rows at most (columns, of an upright picture), no
   * larger than the source. Sides are cropped to a multiple of 8.
   */
  readonly size?: string | undefined;
  /** Frames a second to ask a camera for, and at most to take from any source. Default: the source's own. */
  readonly frameRate?: number | undefined;
  /** Where the network runs. Default `'auto'`: the best that works. */
  readonly device?: DeviceName | undefined;
  /** Sessions side by side. Default 1: more raise the frame rate of a slow model, and the delay. */
  readonly sessions?: number | undefined;
  /** Threads a session. Default: the cores shared among the sessions; more in `GeneratorOptions.threads`. */
  readonly threads?: number | undefined;
  /** Path of the ffmpeg to use. */
  readonly ffmpeg?: string | undefined;
  /** Closes it. */
  readonly signal?: AbortSignal | undefined;
  /** Where else the translated stream goes: files, rtmp, rtsp, srt or hls addresses, a virtual camera (`/dev/video10`). */
  readonly outputs?: readonly string[] | undefined;
  /** Whether output files that are there may be replaced. Default false. */
  readonly overwrite?: boolean | undefined;
  /** What is made from the start. Default: the translated track as H.264. */
  readonly tracks?: LiveTracks | undefined;
  /** Given each coded picture, in order of its track and codec. Must not block, nor change the bytes. */
  readonly onAccessUnit: (unit: AccessUnit) => void;
  /** Told before the first picture of a track, and again whenever what is said of it changes. */
  readonly onStream?: ((stream: LiveStream) => void) | undefined;
  /** Told whenever the state changes. */
  readonly onStatus?: ((status: LiveStatus) => void) | undefined;
  /** Told in one line what the user should know. */
  readonly onNotice?: ((notice: string) => void) | undefined;
  /** Pushed sources: told how many more pictures are welcome; two are at the start. */
  readonly onCredit?: ((pictures: number) => void) | undefined;
  /** Pushed sources: told when nothing can be decoded until the next key frame. */
  readonly onKeyFrameNeeded?: (() => void) | undefined;
}

/**
 * How a live translation is.
 *
 * - `starting`: the source is being opened.
 * - `live`: pictures come.
 * - `reconnecting`: the source, or what translates it, was lost; it is tried again until it works.
 * - `ended`: a file that is played once is over.
 * - `failed`: the model can't be run at the size of the pictures; it goes on with another effect that can.
 *
 * @group Live
 */
export interface LiveStatus {
  /** In one word. */
  readonly state: 'starting' | 'live' | 'reconnecting' | 'ended' | 'failed';
  /** In one sentence. */
  readonly message: string;
  /** What can be done about it. */
  readonly remedy?: string | undefined;
}

/**
 * A stream that is being translated. It goes on until it is closed.
 *
 * @group Live
 */
export interface LiveTranslation extends AsyncDisposable {
  /** How it is just now. */
  readonly status: LiveStatus;
  /** What is told of the tracks that are made just now. */
  readonly streams: readonly LiveStream[];
  /** Effect that is shown just now. */
  readonly effect: string;
  /** Model that is shown just now. */
  readonly model: string;
  /** How much of it, 0 to 1. */
  readonly strength: number;
  /**
   * Takes a picture of a pushed source. False when it was not taken: no credit, or a key frame is needed first.
   *
   * @throws {@link UsageError} for a source that isn't pushed.
   */
  push(unit: PushedUnit): boolean;
  /**
   * Changes the effect: its model is loaded beside the one that runs and takes over between two frames.
   *
   * @throws {@link ModelError} or {@link DeviceError} when it can't; the old effect goes on. {@link CanceledError} when
   * another effect was asked for meanwhile.
   */
  setEffect(effect: string): Promise<void>;
  /** Changes how much of the effect, from the next frame on. @throws {@link UsageError} outside 0 to 1. */
  setStrength(strength: number): void;
  /** Stops translating, until {@link LiveTranslation.resume}; a file stands still meanwhile. */
  pause(): void;
  /** Goes on. */
  resume(): void;
  /** Asks for a key frame soon, of every track that is made. */
  requestKeyFrame(): void;
  /** Says which pictures are wanted from now on. */
  setTracks(tracks: LiveTracks): void;
  /** What it is doing. */
  statistics(): LiveStatistics;
  /** Ends it: outputs are finished, processes and workers gone when it resolves; may be called more than once. */
  close(): Promise<void>;
}

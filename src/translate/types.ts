import type { ProviderName } from '../generator/execution-providers.js';

/**
 * Options of {@link translateFile}. What is left out has the default named here.
 *
 * @group Translating
 */
export interface TranslateOptions {
  /** What is done to the picture; `listModels()` names them all. Default `'day-to-night'`. */
  readonly effect?: string | undefined;
  /**
   * Model to run, whatever its effect: its id (`'day-to-night-turbo'`, once pulled), or the folder of a model package
   * (model.onnx + manifest.json). Default: the first that has the effect.
   */
  readonly model?: string | undefined;
  /**
   * Size to translate and write at: `'source'` (default), `'1280x720'` or `'720p'`. The picture is fitted inside, its
   * aspect kept.
   */
  readonly size?: string | undefined;
  /**
   * Greatest length of the short side that the network works at, pixels: a larger picture is scaled down for it, its
   * aspect kept, and the result back up. Default: what the model was made for (512 in the published ones), or any.
   */
  readonly workingSize?: number | undefined;
  /** Where to start: seconds, or text as `'1:02:03.5'`. Default: the beginning. */
  readonly start?: number | string | undefined;
  /** How much to translate: seconds, or text as `'0:30'`. Default: all. */
  readonly duration?: number | string | undefined;
  /** Frames a second of an image sequence, which states none itself. Default 25. */
  readonly frameRate?: number | undefined;
  /** Container, as ffmpeg calls it. Default: told by the output's extension; `'matroska'` for `-`. */
  readonly format?: string | undefined;
  /** Video encoder, as ffmpeg calls it. Default: the container's (`libx264` for mp4, mov and mkv). */
  readonly codec?: string | undefined;
  /** Constant quality, lower is better. Default 18 for x264; the encoder's own scale for others. */
  readonly crf?: number | undefined;
  /** Encoder preset. Default `'superfast'` for x264, with `mbtree=1:rc-lookahead=10`, and `'veryfast'` for x265. */
  readonly preset?: string | undefined;
  /** Where the network runs. Default `'auto'`: the best that works. */
  readonly device?: 'auto' | ProviderName | undefined;
  /** Sessions side by side. Default: what is fastest on this machine's cores; 1 for a model with memory. */
  readonly sessions?: number | undefined;
  /** Threads a session. Default: the cores shared among the sessions; more in `GeneratorOptions.threads`. */
  readonly threads?: number | undefined;
  /** How much of the effect, 0 (the input) to 1 (all, default). */
  readonly strength?: number | undefined;
  /** How closely the input is followed, 0 to 1, by models that take it. Default: the model's own. */
  readonly guidance?: number | undefined;
  /** Which of several possible pictures, by models that take it: a whole number from 0 to 2^24. Default: the model's own. */
  readonly seed?: number | undefined;
  /** Puts the input beside its translation. Default: only the translation. */
  readonly compare?: 'side-by-side' | 'split' | undefined;
  /** Whether a file that is there already may be replaced. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Whether a file whose end is missing is translated as far as it goes. Default false: it is an error. */
  readonly allowTruncated?: boolean | undefined;
  /** Path of the ffmpeg to use. Default: `FFMPEG_PATH`, then one on PATH that is new enough, then the bundled one. */
  readonly ffmpeg?: string | undefined;
  /** Stops the work: children, workers and temporary files are gone when the promise rejects. */
  readonly signal?: AbortSignal | undefined;
  /** Told about four times a second how far it is. */
  readonly onProgress?: ((progress: TranslateProgress) => void) | undefined;
  /** Told once of each thing the user should know: a stream re-encoded, HDR tone-mapped, a device fallen back from. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/**
 * How far a translation is.
 *
 * @group Translating
 */
export interface TranslateProgress {
  /** Frames written so far. */
  readonly framesOut: number;
  /** Frames that there will be, as far as the input tells; undefined when it doesn't. */
  readonly framesExpected: number | undefined;
  /** Share that is done, 0 to 1; undefined when the input doesn't tell its length. */
  readonly fraction: number | undefined;
  /** Wall-clock seconds since the start. */
  readonly seconds: number;
  /** Frames a second, over the last seconds. */
  readonly fps: number;
  /** Seconds of video a second of work; undefined for what has no duration. */
  readonly speed: number | undefined;
  /** Seconds still to go; undefined when that can't be told. */
  readonly etaSeconds: number | undefined;
}

/**
 * Milliseconds that a stage took for a frame.
 *
 * @group Translating
 */
export interface StageTimes {
  /** Median. */
  readonly p50: number;
  /** 95th percentile. */
  readonly p95: number;
}

/**
 * The three stages that overlap: the slowest sets the pace.
 *
 * @group Translating
 */
export interface Stages {
  /** Waiting for the next frame of the source. */
  readonly decode: StageTimes;
  /** In the network. */
  readonly infer: StageTimes;
  /** Waiting for the encoder to take a frame. */
  readonly encode: StageTimes;
}

/**
 * What a finished translation did. `--json` prints it as its last line.
 *
 * @group Translating
 */
export interface TranslateSummary {
  /** Always `'summary'`. */
  readonly type: 'summary';
  /** Frames read. */
  readonly framesIn: number;
  /** Frames written; equal to `framesIn`. */
  readonly framesOut: number;
  /** Wall-clock seconds, start-up included. */
  readonly seconds: number;
  /** Frames a second of wall-clock time, from the first frame until the output is complete; start-up left out. */
  readonly fps: number;
  /** Seconds of video a second of work, start-up included; undefined for a still picture. */
  readonly speed: number | undefined;
  /** Size of the translated picture, WIDTHxHEIGHT. */
  readonly size: string;
  /** Where the network ran. */
  readonly device: ProviderName;
  /** Sessions side by side. */
  readonly sessions: number;
  /** Threads a session. */
  readonly threads: number;
  /** Milliseconds a frame, by stage. */
  readonly stages: Stages;
  /** Peak resident memory of this process, MiB (ffmpeg's processes not counted). */
  readonly peakRssMb: number;
  /** Where the output is. */
  readonly output: string;
}

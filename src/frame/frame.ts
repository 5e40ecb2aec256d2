/**
 * A fraction, kept exact: time bases, frame rates and aspect ratios.
 *
 * @group Frames
 */
export interface Rational {
  /** Above the line. */
  readonly numerator: number;
  /** Below the line; never 0. */
  readonly denominator: number;
}

/**
 * The bytes of a picture: 8-bit RGB, rows from the top, no padding, `width * height * 3` long. It spans its whole
 * `ArrayBuffer`, so that the buffer can be moved between threads without a copy.
 *
 * @group Frames
 */
export type RgbPixels = Uint8Array<ArrayBuffer>;

/**
 * One picture of a video. Whoever is handed a frame owns its bytes, until it hands them on.
 *
 * @group Frames
 */
export interface Frame {
  /** Position in its source, from 0. */
  readonly index: number;
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** When it is shown, in ticks of its source's {@link VideoFormat.timeBase}. */
  readonly timestamp: number;
  /** The picture. */
  readonly pixels: RgbPixels;
}

/**
 * What all frames of a source have in common.
 *
 * @group Frames
 */
export interface VideoFormat {
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Seconds a tick of {@link Frame.timestamp}. */
  readonly timeBase: Rational;
  /** Nominal frames a second, where the source states one. */
  readonly frameRate: Rational | undefined;
  /** Width of a pixel over its height; undefined where the source states none (square). */
  readonly sampleAspectRatio: Rational | undefined;
}

/**
 * Something that frames are read from, one at a time and in order.
 *
 * @group Frames
 */
export interface FrameSource extends AsyncDisposable {
  /** What all its frames have in common. */
  readonly format: VideoFormat;
  /** The next frame, or undefined after the last one. Not to be called again before it has answered. */
  read(): Promise<Frame | undefined>;
  /** Lets go of everything the source holds; may be called at any time and more than once. */
  close(): Promise<void>;
}

/**
 * Something that frames are written to, one at a time and in order.
 *
 * @group Frames
 */
export interface FrameSink extends AsyncDisposable {
  /** Takes a frame; resolves when its pixels are no longer needed and the next frame is welcome. */
  write(frame: Frame): Promise<void>;
  /** Says that no frame follows; resolves when all that was written is safely stored. */
  finish(): Promise<void>;
  /** Lets go of everything the sink holds, dropping what isn't finished; may be called at any time and more than once. */
  close(): Promise<void>;
}

/** Bytes of a picture of the given size. */
export function rgbByteLength(width: number, height: number): number {
  return width * height * 3;
}

/** `timestamp` ticks of `timeBase` in seconds. */
export function toSeconds(timestamp: number, timeBase: Rational): number {
  return (timestamp * timeBase.numerator) / timeBase.denominator;
}

import type { TranslateProgress } from './types.js';

/** Milliseconds between two reports. */
const reportInterval = 250;
/** Reports that the frame rate is taken over: the last three seconds or so. */
const rateWindow = 12;

/** Says now and then how far a translation is. */
export class ProgressReporter {
  readonly #report: (progress: TranslateProgress) => void;
  readonly #framesExpected: number | undefined;
  readonly #videoSecondsExpected: number | undefined;
  readonly #start = performance.now();
  readonly #recent: { time: number; frames: number }[] = [{ time: this.#start, frames: 0 }];
  #lastReport = 0;

  /**
   * @param report - Told how far it is.
   * @param framesExpected - Frames there will be, as far as known.
   * @param videoSecondsExpected - Length of what is translated, seconds, as far as known.
   */
  constructor(
    report: (progress: TranslateProgress) => void,
    framesExpected: number | undefined,
    videoSecondsExpected: number | undefined,
  ) {
    this.#report = report;
    this.#framesExpected = framesExpected;
    this.#videoSecondsExpected = videoSecondsExpected;
  }

  /**
   * Takes note of a written frame.
   *
   * @param framesOut - Frames written so far.
   * @param videoSeconds - Where in the video the frame is, seconds.
   */
  frameWritten(framesOut: number, videoSeconds: number): void {
    const now = performance.now();
    if (now - this.#lastReport < reportInterval) {
      return;
    }
    this.#lastReport = now;
    this.#recent.push({ time: now, frames: framesOut });
    if (this.#recent.length > rateWindow) {
      this.#recent.shift();
    }
    const oldest = this.#recent[0] ?? { time: this.#start, frames: 0 };
    const seconds = (now - this.#start) / 1000;
    const fraction = this.#fraction(framesOut, videoSeconds);
    this.#report({
      framesOut,
      framesExpected: this.#framesExpected,
      fraction,
      seconds,
      fps: ((framesOut - oldest.frames) * 1000) / Math.max(now - oldest.time, 1),
      speed: videoSeconds / seconds,
      etaSeconds: fraction === undefined || fraction === 0 ? undefined : (seconds * (1 - fraction)) / fraction,
    });
  }

  #fraction(framesOut: number, videoSeconds: number): number | undefined {
    if (this.#videoSecondsExpected !== undefined) {
      return Math.min(1, videoSeconds / this.#videoSecondsExpected);
    }
    return this.#framesExpected === undefined ? undefined : Math.min(1, framesOut / this.#framesExpected);
  }
}

/**
 * How far the fetching or compiling of a model is.
 *
 * @group Models
 */
export interface ModelProgress {
  /** What is being done. */
  readonly stage: 'download' | 'compile' | 'check';
  /** The file or part it is done to. */
  readonly what: string;
  /** Share of the stage that is done, 0 to 1; undefined where that can't be told. */
  readonly fraction: number | undefined;
  /** Bytes that are there; in the stage `'download'` only. */
  readonly bytes?: number | undefined;
  /** Bytes that there will be; in the stage `'download'`, where all servers say it. */
  readonly totalBytes?: number | undefined;
  /** Bytes a second over the last seconds; in the stage `'download'` only. */
  readonly bytesPerSecond?: number | undefined;
  /** Seconds that the stage still takes; undefined where that can't be told. */
  readonly etaSeconds: number | undefined;
}

/** Told how far it is. */
export type OnModelProgress = (progress: ModelProgress) => void;

/** Milliseconds between two reports of one stage. */
const reportInterval = 250;
/** Reports that the rate is taken over: the last five seconds or so. */
const rateWindow = 20;

/** Makes reports of a stage out of what is there of it, no more than a few a second. */
export class StageReporter {
  readonly #stage: ModelProgress['stage'];
  readonly #report: OnModelProgress | undefined;
  readonly #recent: { time: number; done: number }[] = [];
  #last = -Infinity;

  constructor(stage: ModelProgress['stage'], report: OnModelProgress | undefined) {
    this.#stage = stage;
    this.#report = report;
  }

  /**
   * @param what - The file or part under way.
   * @param done - How much is there: bytes for a download, a share otherwise.
   * @param total - How much there will be, where that is known.
   */
  report(what: string, done: number, total: number | undefined): void {
    const now = performance.now();
    if (this.#report === undefined || (now - this.#last < reportInterval && done !== total)) {
      return;
    }
    this.#last = now;
    // A part that was thrown away takes what was there back: the rate begins anew.
    if (done < (this.#recent.at(-1)?.done ?? 0)) {
      this.#recent.length = 0;
    }
    this.#recent.push({ time: now, done });
    if (this.#recent.length > rateWindow) {
      this.#recent.shift();
    }
    const oldest = this.#recent[0] ?? { time: now, done };
    const perSecond = now === oldest.time ? undefined : ((done - oldest.done) * 1000) / (now - oldest.time);
    this.#report({
      stage: this.#stage,
      what,
      fraction: total === undefined || total === 0 ? undefined : Math.min(1, done / total),
      ...(this.#stage === 'download' ? { bytes: done, totalBytes: total, bytesPerSecond: perSecond } : {}),
      etaSeconds: total === undefined || !perSecond ? undefined : Math.max(0, total - done) / perSecond,
    });
  }
}

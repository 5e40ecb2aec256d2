import type { TranslateProgress, TranslateSummary } from '../index.js';
import { printFailure, type Failure } from './failure.js';
import type { ProgressView } from './progress-view.js';
import { clock, pace, paint, summaryLine } from './text.js';

/** Seconds between two lines, at the least. */
const lineInterval = 5;
/** Seconds after which there is a line however little was done: whoever watches the log wants to see it live. */
const longestSilence = 60;
/** Share of the work that is worth a line. */
const worthALine = 0.1;

/** Plain lines, few of them: for logs. */
export class LinesView implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  #last = { seconds: 0, fraction: 0 };

  /** @param stream - Where the lines go. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  progress(progress: TranslateProgress): void {
    const { framesOut, framesExpected, fraction, seconds, etaSeconds } = progress;
    const since = seconds - this.#last.seconds;
    const done = fraction === undefined || fraction - this.#last.fraction >= worthALine;
    if (since < lineInterval || !(done || since >= longestSilence)) {
      return;
    }
    this.#last = { seconds, fraction: fraction ?? 0 };
    const percent = fraction === undefined ? '' : `${Math.floor(fraction * 100)} %, `;
    const total = framesExpected === undefined ? '' : ` of ${framesExpected}`;
    const left = etaSeconds === undefined ? '' : `, ${clock(etaSeconds)} left`;
    this.#stream.write(`${percent}${framesOut}${total} frames, ${pace(progress)}${left}\n`);
  }

  notice(text: string): void {
    this.#stream.write(`note: ${text}\n`);
  }

  stopping(): void {
    this.#stream.write('Stopping ...\n');
  }

  finished(summary: TranslateSummary): void {
    this.#stream.write(`${paint('green', summaryLine(summary), this.#stream)}\n`);
  }

  failed(failure: Failure): void {
    printFailure(failure, this.#stream);
  }
}

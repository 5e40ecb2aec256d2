import { MultiBar, type Options, type Params, type SingleBar } from 'cli-progress';

import type { TranslateProgress, TranslateSummary } from '../index.js';
import { printFailure, type Failure } from './failure.js';
import type { ProgressView } from './progress-view.js';
import { clock, pace, paint, summaryLine } from './text.js';

const widestBar = 40;

/** What the bar is drawn from. */
interface Payload {
  readonly progress: TranslateProgress | undefined;
}

/**
 * A bar on a terminal, in its last line:
 * `████████████░░░░░░░░  61 %  610/1000 frames  31.2 fps, 1.25x  0:12 left`.
 */
export class BarView implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  readonly #bars: MultiBar;
  readonly #bar: SingleBar;

  /** @param stream - The terminal. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // A MultiBar, though there is one: it can print lines above itself.
    this.#bars = new MultiBar({
      stream,
      format: (_options: Options, _params: Params, payload: Payload) => drawLine(payload.progress, stream),
      hideCursor: true,
      clearOnComplete: true,
      // Signals are listened to by whoever stops the work.
      gracefulExit: false,
      fps: 8,
    });
    this.#bar = this.#bars.create(1, 0, { progress: undefined } satisfies Payload);
  }

  progress(progress: TranslateProgress): void {
    this.#bar.update({ progress } satisfies Payload);
  }

  notice(text: string): void {
    this.#bars.log(`${paint('yellow', 'note:', this.#stream)} ${text}\n`);
  }

  stopping(): void {
    this.#bars.stop();
    this.#stream.write(`Stopping ... ${paint('dim', '(Ctrl-C again stops at once)', this.#stream)}\n`);
  }

  finished(summary: TranslateSummary): void {
    this.#bars.stop();
    this.#stream.write(`${paint('green', '✔', this.#stream)} ${summaryLine(summary)}\n`);
  }

  failed(failure: Failure): void {
    this.#bars.stop();
    printFailure(failure, this.#stream);
  }
}

function drawLine(progress: TranslateProgress | undefined, stream: NodeJS.WriteStream): string {
  if (progress === undefined) {
    return paint('dim', 'Starting: reading the input, loading the model ...', stream);
  }
  const { framesOut, framesExpected, fraction, etaSeconds } = progress;
  const frames = framesExpected === undefined ? `${framesOut} frames` : `${framesOut}/${framesExpected} frames`;
  if (fraction === undefined) {
    return `${frames}  ${pace(progress)}  ${clock(progress.seconds)}`;
  }
  const percent = `${Math.floor(fraction * 100)} %`.padStart(5);
  const left = etaSeconds === undefined ? '' : `  ${clock(etaSeconds)} left`;
  const text = `${percent}  ${frames}  ${pace(progress)}${left}`;
  const width = Math.min(widestBar, stream.columns - text.length - 3);
  if (width < 5) {
    return text.trimStart();
  }
  const full = Math.round(fraction * width);
  return `${paint('cyan', '█'.repeat(full), stream)}${paint('dim', '░'.repeat(width - full), stream)} ${text}`;
}

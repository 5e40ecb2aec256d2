import { MultiBar, type Options, type Params, type SingleBar } from 'cli-progress';

import type { ModelProgress } from '../../index.js';
import { printFailure, type Failure } from '../failure.js';
import { clock, megabytes, paint } from '../text.js';
import type { ModelWorkFlags, ModelWorkResult } from './model-work.js';

/** How the user is shown what goes on with a model. */
export interface ModelView {
  progress(progress: ModelProgress): void;
  notice(text: string): void;
  stopping(): void;
  finished(result: ModelWorkResult): void;
  failed(failure: Failure): void;
}

/** The view that fits: JSON lines, errors only, a bar on a terminal, plain lines elsewhere. */
export function createModelView({ json, quiet }: ModelWorkFlags): ModelView {
  if (json) {
    return new JsonView(process.stdout);
  }
  if (quiet) {
    const nothing = () => undefined;
    const failed = (failure: Failure) => printFailure(failure, process.stderr);
    return { progress: nothing, notice: nothing, stopping: nothing, finished: nothing, failed };
  }
  return process.stderr.isTTY ? new BarView(process.stderr) : new LinesView(process.stderr);
}

const stages: Readonly<Record<ModelProgress['stage'], string>> = {
  download: 'Fetching',
  compile: 'Compiling',
  check: 'Checking',
};

/** A line of JSON for everything that happens; the last one is the result or the error. */
class JsonView implements ModelView {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  progress(progress: ModelProgress): void {
    this.#print({ type: 'progress', ...progress });
  }

  notice(message: string): void {
    this.#print({ type: 'notice', message });
  }

  stopping(): void {
    // The error that follows says it.
  }

  finished({ result }: ModelWorkResult): void {
    this.#print(result);
  }

  failed({ line }: Failure): void {
    this.#print(line);
  }

  #print(line: object): void {
    this.#stream.write(`${JSON.stringify(line)}\n`);
  }
}

/** Plain lines, few of them: for logs. */
class LinesView implements ModelView {
  readonly #stream: NodeJS.WriteStream;
  #stage = '';
  #fraction = 0;
  #time = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  progress(progress: ModelProgress): void {
    const { stage, fraction = 0 } = progress;
    const now = performance.now();
    // The beginning of a stage, then every tenth of it, but no more than a line in two seconds, and one a minute.
    const waited = now - this.#time;
    if (stage === this.#stage && !(waited > 2000 && (fraction - this.#fraction >= 0.1 || waited > 60_000))) {
      return;
    }
    this.#stage = stage;
    this.#fraction = fraction;
    this.#time = now;
    this.#stream.write(`${stages[stage]} ${progress.what}: ${amountText(progress)}\n`);
  }

  notice(text: string): void {
    this.#stream.write(`note: ${text}\n`);
  }

  stopping(): void {
    this.#stream.write('Stopping ...\n');
  }

  finished({ text, plain }: ModelWorkResult): void {
    (plain ? process.stdout : this.#stream).write(`${plain ? text : paint('green', text, this.#stream)}\n`);
  }

  failed(failure: Failure): void {
    printFailure(failure, this.#stream);
  }
}

/** A bar on a terminal, in its last line; there is none before there is progress, so that questions can be asked. */
class BarView implements ModelView {
  readonly #stream: NodeJS.WriteStream;
  #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  progress(progress: ModelProgress): void {
    this.#bars ??= new MultiBar({
      stream: this.#stream,
      format: (_options: Options, _params: Params, payload: { readonly progress: ModelProgress }) =>
        drawLine(payload.progress, this.#stream),
      hideCursor: true,
      clearOnComplete: true,
      // Signals are listened to by whoever stops the work.
      gracefulExit: false,
      fps: 8,
    });
    this.#bar ??= this.#bars.create(1, 0, { progress });
    this.#bar.update({ progress });
  }

  notice(text: string): void {
    const line = `${paint('yellow', 'note:', this.#stream)} ${text}\n`;
    if (this.#bars === undefined) {
      this.#stream.write(line);
    } else {
      this.#bars.log(line);
    }
  }

  stopping(): void {
    this.#bars?.stop();
    this.#stream.write(`Stopping ... ${paint('dim', '(Ctrl-C again stops at once)', this.#stream)}\n`);
  }

  finished({ text, plain }: ModelWorkResult): void {
    this.#bars?.stop();
    if (plain) {
      process.stdout.write(`${text}\n`);
    } else {
      this.#stream.write(`${paint('green', '✔', this.#stream)} ${text}\n`);
    }
  }

  failed(failure: Failure): void {
    this.#bars?.stop();
    printFailure(failure, this.#stream);
  }
}

const widestBar = 30;
const narrowestBar = 10;

function drawLine(progress: ModelProgress, stream: NodeJS.WriteStream): string {
  const { stage, what, fraction } = progress;
  const amount = amountText(progress);
  const room = stream.columns - amount.length - 4;
  const label = shortened(`${stages[stage]} ${what}`, room - (fraction === undefined ? 0 : narrowestBar));
  const width = Math.min(widestBar, room - label.length);
  if (fraction === undefined || width < narrowestBar) {
    return `${label}  ${amount}`;
  }
  const full = Math.round(fraction * width);
  const bar = `${paint('cyan', '█'.repeat(full), stream)}${paint('dim', '░'.repeat(width - full), stream)}`;
  return `${bar} ${label}  ${amount}`;
}

/** A text of at most so many characters, its end the part that is kept: the names of files end in what tells them apart. */
function shortened(text: string, length: number): string {
  return text.length <= length || length < 2 ? text : `…${text.slice(1 - length)}`;
}

/** How far it is: `12 %, 0.6 of 5.2 GB, 31.0 MB/s, 2:29 left`. */
function amountText({ fraction, bytes, totalBytes, bytesPerSecond, etaSeconds }: ModelProgress): string {
  return [
    ...(fraction === undefined ? [] : [`${Math.floor(fraction * 100)} %`]),
    ...(bytes === undefined ? [] : [totalBytes === undefined ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(totalBytes)}`]),
    ...(bytesPerSecond === undefined ? [] : [`${megabytes(bytesPerSecond)}/s`]),
    ...(etaSeconds === undefined ? [] : [`${clock(etaSeconds)} left`]),
  ].join(', ');
}

import type { TranslateProgress, TranslateSummary } from '../index.js';
import type { Failure } from './failure.js';
import type { ProgressView } from './progress-view.js';

/** A line of JSON for everything that happens; the last one is the summary or the error. */
export class JsonView implements ProgressView {
  readonly #stream: NodeJS.WriteStream;

  /** @param stream - Where the lines go. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  progress(progress: TranslateProgress): void {
    this.#print({ type: 'progress', ...progress });
  }

  notice(message: string): void {
    this.#print({ type: 'notice', message });
  }

  stopping(): void {
    // The error that follows says it.
  }

  finished(summary: TranslateSummary): void {
    this.#print(summary);
  }

  failed({ line }: Failure): void {
    this.#print(line);
  }

  #print(line: object): void {
    this.#stream.write(`${JSON.stringify(line, toThousandths)}\n`);
  }
}

function toThousandths(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}

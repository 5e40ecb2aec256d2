import type { ModelProgress } from '../../index.js';
import { describeFailure } from '../failure.js';
import { Interruption } from '../interruption.js';
import { createModelView } from './model-view.js';

/** How the work is shown. */
export interface ModelWorkFlags {
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** What came of the work. */
export interface ModelWorkResult {
  /** What `--json` prints as the last line. */
  readonly result: object;
  /** What people are told. */
  readonly text: string;
  /** Whether the text is a report rather than a success. */
  readonly plain?: boolean;
  /** The exit code. Default 0. */
  readonly exitCode?: number;
}

/** What the work is given. */
export interface ModelWorkCallbacks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ModelProgress) => void;
  readonly onNotice: (notice: string) => void;
}

/** Works on a model and shows how it goes; gives back the exit code. */
export async function runModelWork(
  flags: ModelWorkFlags,
  work: (callbacks: ModelWorkCallbacks) => Promise<ModelWorkResult>,
): Promise<number> {
  const view = createModelView(flags);
  using interruption = new Interruption(() => view.stopping());
  try {
    const result = await work({
      signal: interruption.signal,
      onProgress: (progress) => view.progress(progress),
      onNotice: (notice) => view.notice(notice),
    });
    view.finished(result);
    return result.exitCode ?? 0;
  } catch (error) {
    const failure =
      interruption.exitCode === undefined
        ? describeFailure(error)
        : {
            ...describeFailure(error),
            line: { type: 'error', code: 'canceled', message: 'Stopped before the end.', remedy: undefined } as const,
          };
    view.failed(failure);
    return interruption.exitCode ?? failure.exitCode;
  }
}

import { printFailure } from './failure.js';
import { BarView } from './progress-bar.js';
import { JsonView } from './progress-json.js';
import { LinesView } from './progress-lines.js';
import type { ProgressView } from './progress-view.js';

/** How much to show, and where. */
export interface ViewOptions {
  /** Lines of JSON for a program. */
  readonly json?: boolean | undefined;
  /** Errors only. */
  readonly quiet?: boolean | undefined;
  /** Whether standard output carries the video, so that nothing else may be written there. */
  readonly videoOnStdout: boolean;
}

/** The view that fits: JSON lines, errors only, a bar on a terminal, plain lines elsewhere. */
export function createView({ json, quiet, videoOnStdout }: ViewOptions): ProgressView {
  if (json) {
    return new JsonView(videoOnStdout ? process.stderr : process.stdout);
  }
  if (quiet) {
    return errorsOnly;
  }
  return process.stderr.isTTY ? new BarView(process.stderr) : new LinesView(process.stderr);
}

const nothing = () => undefined;

const errorsOnly: ProgressView = {
  progress: nothing,
  notice: nothing,
  stopping: nothing,
  finished: nothing,
  failed: (failure) => printFailure(failure, process.stderr),
};

import type { TranslateProgress, TranslateSummary } from '../index.js';
import type { Failure } from './failure.js';

/** How the user is shown what goes on during a translation. */
export interface ProgressView {
  /** Tells how far it is. */
  progress(progress: TranslateProgress): void;
  /** Tells something that the user should know. */
  notice(text: string): void;
  /** Tells that the user's wish to stop was heard. */
  stopping(): void;
  /** Tells what was done. */
  finished(summary: TranslateSummary): void;
  /** Tells why it was not done. */
  failed(failure: Failure): void;
}

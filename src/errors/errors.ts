/**
 * Machine-readable cause of a {@link Vid2VidError}; stable across releases.
 *
 * @group Errors
 */
export type ErrorCode =
  | 'usage'
  | 'input-not-found'
  | 'input-unreadable'
  | 'input-not-video'
  | 'input-truncated'
  | 'input-refused'
  | 'size-unsupported'
  | 'output-exists'
  | 'output-unwritable'
  | 'output-unsupported'
  | 'disk-full'
  | 'effect-unknown'
  | 'model-not-found'
  | 'model-invalid'
  | 'licence-not-accepted'
  | 'download-failed'
  | 'checksum-mismatch'
  | 'device-unavailable'
  | 'inference-failed'
  | 'ffmpeg-not-found'
  | 'ffmpeg-failed'
  | 'encoder-missing'
  | 'port-in-use'
  | 'address-unavailable'
  | 'canceled';

/** What a {@link Vid2VidError} is made of beside its message. */
export interface ErrorDetails {
  /** What the user can do about it: one sentence, ready to print. */
  readonly remedy?: string;
  /** The error or value that caused this one. */
  readonly cause?: unknown;
}

/**
 * Every error that this library throws on purpose. `message` says what was wrong and where, `remedy` what to do.
 * Subclasses name the part at fault; `code` names the cause.
 *
 * @group Errors
 */
export class Vid2VidError extends Error {
  /** Machine-readable cause. */
  readonly code: ErrorCode;
  /** What to do about it, one sentence; undefined when there is nothing to advise. */
  readonly remedy: string | undefined;

  /** @internal */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.remedy = details.remedy;
  }
}

/**
 * An option or argument that can't be right, whatever the files are.
 *
 * @group Errors
 */
export class UsageError extends Vid2VidError {
  /** @internal */
  constructor(message: string, details?: ErrorDetails) {
    super('usage', message, details);
  }
}

/**
 * The input can't be read as a video or picture.
 *
 * @group Errors
 */
export class InputError extends Vid2VidError {}

/**
 * The output can't be written.
 *
 * @group Errors
 */
export class OutputError extends Vid2VidError {}

/**
 * An effect or model package is missing, corrupt or not of the form the engine runs.
 *
 * @group Errors
 */
export class ModelError extends Vid2VidError {}

/**
 * A model's terms were not accepted, so that it may not be fetched.
 *
 * @group Errors
 */
export class LicenceError extends Vid2VidError {}

/**
 * A file could not be fetched, or what came is not what was published.
 *
 * @group Errors
 */
export class DownloadError extends Vid2VidError {}

/**
 * The device asked for can't run the model, or running it failed.
 *
 * @group Errors
 */
export class DeviceError extends Vid2VidError {}

/**
 * ffmpeg is missing, lacks a part, or failed. `stderrTail` holds its last lines.
 *
 * @group Errors
 */
export class FfmpegError extends Vid2VidError {
  /** The last lines that ffmpeg printed, oldest first. */
  readonly stderrTail: readonly string[];

  /** @internal */
  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails & { readonly stderrTail?: readonly string[] } = {},
  ) {
    super(code, message, details);
    this.stderrTail = details.stderrTail ?? [];
  }
}

/**
 * A server can't listen where it was to.
 *
 * @group Errors
 */
export class ServerError extends Vid2VidError {}

/**
 * The work was stopped by its `AbortSignal`.
 *
 * @group Errors
 */
export class CanceledError extends Vid2VidError {
  /** @internal */
  constructor(message = 'Canceled.', details?: ErrorDetails) {
    super('canceled', message, details);
  }
}

/** Throws {@link CanceledError} when `signal` has been aborted. */
export function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new CanceledError('Canceled.', { cause: signal.reason });
  }
}

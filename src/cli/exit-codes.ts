import type { ErrorCode } from '../index.js';

/** Exit code for what this program did not foresee. */
export const unexpectedExitCode = 1;

/** The exit code of each cause of failure; scripts may rely on them. */
export const exitCodes: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  'input-not-found': 3,
  'input-unreadable': 3,
  'input-not-video': 3,
  'input-truncated': 3,
  'input-refused': 3,
  'size-unsupported': 3,
  'output-exists': 4,
  'output-unwritable': 4,
  'output-unsupported': 4,
  'disk-full': 4,
  'effect-unknown': 5,
  'model-not-found': 5,
  'model-invalid': 5,
  'licence-not-accepted': 5,
  'download-failed': 8,
  'checksum-mismatch': 8,
  'device-unavailable': 6,
  'inference-failed': 6,
  'ffmpeg-not-found': 7,
  'ffmpeg-failed': 7,
  'encoder-missing': 7,
  'port-in-use': 9,
  'address-unavailable': 9,
  canceled: 130,
};

/** The exit code after a signal: 128 and its number, as shells have it. */
export const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** The table as the help shows it. */
export const exitCodesHelp = `Exit codes:
  0 done   1 unexpected   2 usage   3 input   4 output   5 effect or model   6 device   7 ffmpeg
  8 download   9 listening   130 stopped by Ctrl-C   143 stopped by SIGTERM`;

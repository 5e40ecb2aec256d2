import { FfmpegError, InputError, OutputError, type Vid2VidError } from '../../errors/errors.js';
import { localPath } from './allow-list.js';
import type { FfmpegExit } from './process.js';

interface KnownFailure {
  readonly pattern: RegExp;
  error(subject: string, cause: FfmpegError): Vid2VidError;
}

/** What ffmpeg says when an input is at fault, and what that means to a user. */
const inputFailures: readonly KnownFailure[] = [
  {
    pattern: /No such file or directory/i,
    error: (input, cause) => new InputError('input-not-found', `"${input}" does not exist.`, { cause }),
  },
  {
    pattern: /Permission denied/i,
    error: (input, cause) =>
      new InputError('input-unreadable', `"${input}" may not be read.`, {
        remedy: 'Check the permissions of the file and its folder.',
        cause,
      }),
  },
  {
    pattern: /Is a directory/i,
    error: (input, cause) =>
      new InputError('input-not-video', `"${input}" is a folder.`, {
        remedy: 'Give a file; for a folder of pictures a pattern such as folder/%05d.png.',
        cause,
      }),
  },
  {
    pattern: /moov atom not found|EBML header parsing failed|partial file|truncat/i,
    error: (input, cause) =>
      new InputError('input-truncated', `"${input}" is not a whole video: its index is missing.`, {
        remedy:
          'It was cut off, or is no video at all. Copy or download it again; untrunc mends broken-off recordings.',
        cause,
      }),
  },
  {
    pattern: /End of file/i,
    error: (input, cause) => new InputError('input-not-video', `"${input}" holds no frames.`, { cause }),
  },
  {
    pattern: /Protocol '.*' not on whitelist|Format not on whitelist/i,
    error: (input, cause) =>
      new InputError(
        'input-refused',
        `"${input}" is a playlist, script or other format that may open further files or hosts.`,
        {
          remedy: 'Give the video file itself.',
          cause,
        },
      ),
  },
  {
    pattern: /Invalid data found|could not find codec parameters|misdetection possible|Invalid argument/i,
    error: (input, cause) =>
      new InputError('input-not-video', `"${input}" is not a video or picture that ffmpeg can read.`, { cause }),
  },
  {
    pattern:
      /Connection refused|Connection timed out|Network is unreachable|Failed to resolve hostname|Server returned|HTTP error/i,
    error: (input, cause) =>
      new InputError('input-unreadable', `"${input}" can't be reached.`, {
        remedy: 'Check the address, and that this machine may reach it.',
        cause,
      }),
  },
];

/** What ffmpeg says when an output is at fault. */
const outputFailures: readonly KnownFailure[] = [
  {
    pattern: /No space left on device|Disk quota exceeded|File too large/i,
    error: (output, cause) =>
      new OutputError('disk-full', `There is no space left to write "${output}".`, {
        remedy: 'Free some space, or write to another disk.',
        cause,
      }),
  },
  {
    pattern: /Permission denied|Read-only file system|Operation not permitted/i,
    error: (output, cause) =>
      new OutputError('output-unwritable', `"${output}" may not be written.`, {
        remedy: 'Check the permissions of its folder, or write elsewhere.',
        cause,
      }),
  },
  {
    pattern:
      /Connection refused|Connection reset|Connection timed out|Network is unreachable|Broken pipe|Failed to resolve hostname/i,
    error: (output, cause) =>
      new OutputError('output-unwritable', `"${output}" does not take the stream.`, {
        remedy: 'Check that something listens at that address.',
        cause,
      }),
  },
  {
    pattern:
      /Cannot load (libcuda|nvcuda)|No capable devices|OpenEncodeSessionEx failed|No device available for encoder|Failed to (initialise|create) VAAPI|Error (initializing|opening) .*(MFX|session)|Device creation failed|No VA display/i,
    error: (output, cause) =>
      new FfmpegError('encoder-missing', `The hardware encoder for "${output}" finds no device it can use.`, {
        remedy: 'Leave --codec out to encode on the CPU, or install the driver of the device.',
        stderrTail: cause.stderrTail,
        cause,
      }),
  },
  {
    pattern:
      /could not find tag for codec|codec not currently supported in container|not compatible with flv|at most one|Only .* (are|is) supported for WebM/i,
    error: (output, cause) =>
      new OutputError('output-unsupported', `The container of "${output}" does not take that codec.`, {
        remedy: 'Choose another --codec, or an output ending in .mkv, which takes nearly everything.',
        cause,
      }),
  },
];

function failure(exit: FfmpegExit, doing: string, subject: string, known: readonly KnownFailure[]): Vid2VidError {
  if (exit.signal !== undefined) {
    return new FfmpegError('ffmpeg-failed', `ffmpeg was ended by ${exit.signal} while ${doing} "${subject}".`, {
      remedy: 'If nobody ended it, the machine may have run out of memory: try a smaller --size or fewer --sessions.',
      stderrTail: exit.stderrTail,
    });
  }
  if (exit.startError !== undefined) {
    return new FfmpegError('ffmpeg-not-found', `ffmpeg can't be started: ${exit.startError.message}`, {
      remedy: 'Run "vid2vid-turbo doctor" to see which ffmpeg is used.',
      cause: exit.startError,
    });
  }
  // Names of files may hold any words.
  const said = exit.stderrTail.join('\n').replaceAll(subject, '').replaceAll(localPath(subject), '');
  const generic = new FfmpegError(
    'ffmpeg-failed',
    `ffmpeg failed while ${doing} "${subject}" (exit code ${String(exit.code)}): ${lastComplaint(exit.stderrTail)}`,
    { stderrTail: exit.stderrTail },
  );
  return known.find(({ pattern }) => pattern.test(said))?.error(subject, generic) ?? generic;
}

/** What went wrong in an ffmpeg that was reading `input`, as the error a user should see. */
export function inputFailure(exit: FfmpegExit, input: string): Vid2VidError {
  return failure(exit, 'reading', input, inputFailures);
}

/** What went wrong in an ffmpeg that was writing `output`. */
export function outputFailure(exit: FfmpegExit, output: string): Vid2VidError {
  return failure(exit, 'writing', output, outputFailures);
}

/** The line that most likely says why: the first error of the tail. */
function lastComplaint(tail: readonly string[]): string {
  const line = tail.find((text) => /\[(error|fatal)\]/.test(text)) ?? tail.at(-1) ?? 'it said nothing';
  return line.replace(/\[[^\]]*\] ?/g, '').trim();
}

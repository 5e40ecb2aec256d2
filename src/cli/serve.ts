import { InvalidArgumentError, Option, type Command } from 'commander';

import type { ServeOptions } from '../index.js';
import { describeFailure, printFailure } from './failure.js';
import { Interruption } from './interruption.js';
import { serverLog } from './serve-log.js';
import { paint } from './text.js';
import { devices, number, whole } from './translate-options.js';

// An object, so that the compiler misses a name that is added to the type.
const logLevels = Object.keys({
  silent: true,
  error: true,
  warn: true,
  info: true,
  debug: true,
  trace: true,
} satisfies Record<NonNullable<ServeOptions['logLevel']>, true>);

const examples = `
Sources:
  none                           viewers bring their own camera
  camera, camera:NAME            a camera of this machine, the first one where none is named (also /dev/video0)
  drive.mp4                      a file, at its own pace
  rtsp://, http(s)://, rtmp://, srt://, udp://

Examples:
  vid2vid-turbo serve                                            open the page, turn on your camera
  vid2vid-turbo serve camera --effect day-to-night
  vid2vid-turbo serve drive.mp4 --loop --port 0                  takes a free port
  vid2vid-turbo serve rtsp://camera.local/stream --output night.mp4 --output rtmp://example.org/live/key
  vid2vid-turbo serve camera --output /dev/video10               a virtual camera (v4l2loopback)
  VID2VID_TURBO_TOKEN=... vid2vid-turbo serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

Browsers give their camera to pages of this machine and of https only. Other machines need a token; the page asks for it.
Ctrl-C tells the viewers, finishes the outputs and ends everything.`;

interface Flags extends Omit<ServeOptions, 'source' | 'signal' | 'onLog'> {
  readonly json?: true;
}

/** Adds `serve`: a page on which a stream, or the viewer's own camera, plays translated. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .summary('translate a camera or stream live, watched in the browser')
    .description("Opens a page on which a camera, a stream, a file or the viewer's own camera plays translated.")
    .usage('[source] [options]')
    .argument('[source]', 'what to translate (default: viewers bring their own camera)')
    .optionsGroup('What is done:')
    .option(
      '-e, --effect <name>',
      'the effect at first; "vid2vid-turbo models list" names them (default: day-to-night)',
    )
    .option('-m, --model <folder>', 'a model package of your own to begin with, instead of --effect')
    .option('--strength <share>', 'how much of the effect at first, from 0 to 1 (default: 1)', number(0, 1))
    .option('-s, --size <size>', 'size to work at: 1280x720, 720p or source (default: 360 rows at most)')
    .option('--fps <number>', 'frames a second to ask a camera for, and to take at most', number(0.1, 240))
    .option('--loop', 'begin a file again at its end')
    .option('--lock-effect', 'viewers may not change the effect of the stream')
    .optionsGroup('Where else it goes:')
    .option('-o, --output <where>', 'file, rtmp, rtsp, srt or hls address, or /dev/videoN; may be repeated', collect)
    .option('-y, --overwrite', 'replace output files that are there already')
    .optionsGroup('Who can watch:')
    .option('-p, --port <number>', 'port to listen on, 0 for any that is free (default: 8080)', whole(0, 65535))
    .option('--host <address>', 'address to listen on, 0.0.0.0 for all (default: 127.0.0.1, this machine only)')
    .addOption(
      new Option('--token <text>', 'what viewers have to know, 8 characters or more').env('VID2VID_TURBO_TOKEN'),
    )
    .option('--insecure', 'let other machines watch without a token')
    .option('--allow-origin <origin>', "another site's pages that may connect; may be repeated", collect)
    .option('--tls-cert <file>', 'certificate (PEM), for https')
    .option('--tls-key <file>', 'its key (PEM)')
    .option('--max-viewers <count>', 'viewers at a time (default: 100)', whole(1, 10_000))
    .option('--max-cameras <count>', "viewers' cameras at a time, 0 for none (default: 4)", whole(0, 1000))
    .optionsGroup('Where it runs:')
    .addOption(new Option('-d, --device <name>', 'where the network runs (default: auto)').choices(devices))
    .option('--ffmpeg <path>', 'the ffmpeg to use (default: FFMPEG_PATH, a new one on PATH, the bundled one)')
    .optionsGroup('What is shown:')
    .addOption(new Option('--log-level <level>', 'how much is logged (default: info)').choices(logLevels))
    .option('--json', 'JSON objects: one on standard output when it listens, the log on standard error')
    .addHelpText('after', examples)
    .action(async (source: string | undefined, flags: Flags) => {
      process.exitCode = await serveCommand(source, flags);
    });
}

/** Serves until it is told to stop; gives back the exit code. */
async function serveCommand(source: string | undefined, { json, ...options }: Flags): Promise<number> {
  using interruption = new Interruption(() => {
    process.stderr.write(json ? '' : 'Stopping; once more to stop at once.\n');
  });
  const { CanceledError, serve } = await import('../index.js');
  try {
    await using server = await serve({
      ...options,
      source,
      signal: interruption.signal,
      onLog: serverLog(process.stderr, json),
    });
    tellWhere(server.urls, json);
    await aborted(interruption.signal);
    await server.close();
    return interruption.exitCode ?? 0;
  } catch (error) {
    const stopped = interruption.exitCode !== undefined;
    const failure = describeFailure(stopped ? new CanceledError('Stopped.', { cause: error }) : error);
    if (json) {
      process.stdout.write(`${JSON.stringify(failure.line)}\n`);
    } else {
      printFailure(failure, process.stderr);
    }
    return interruption.exitCode ?? failure.exitCode;
  }
}

function tellWhere(urls: readonly string[], json: true | undefined): void {
  const [url = '', ...others] = urls;
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'listening', url, urls })}\n`);
    return;
  }
  const more = others.length === 0 ? '' : `, from other machines ${others.join(' or ')}`;
  process.stdout.write(`Open ${paint('bold', url, process.stdout)}${more}   (Ctrl-C stops)\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  if (value === '') {
    throw new InvalidArgumentError('It must not be empty.');
  }
  return [...before, value];
}

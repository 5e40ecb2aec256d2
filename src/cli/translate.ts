import { relative } from 'node:path';
import { chdir, cwd } from 'node:process';
import { fileURLToPath } from 'node:url';

import { Option, type Command } from 'commander';

import type { TranslateOptions } from '../index.js';
import { describeFailure } from './failure.js';
import { Interruption } from './interruption.js';
import { createView } from './progress.js';
import { addTranslateOptions } from './translate-options.js';

/** A clip of the project's own, which `npm run translate` takes when no input is named. Not part of the package. */
const sampleClip = fileURLToPath(new URL('../../test/media/street-drive.mp4', import.meta.url));

const examples = `
Examples:
  vid2vid-turbo translate drive.mp4                              writes drive-night.mp4
  vid2vid-turbo translate drive.mp4 night.mkv --size 720p --crf 20
  vid2vid-turbo translate drive.mp4 both.mp4 --compare split --start 0:30 --duration 10
  vid2vid-turbo translate frames/%05d.png night.mp4 --frame-rate 30
  vid2vid-turbo translate photo.jpg                              writes photo-night.jpg
  cat drive.mp4 | vid2vid-turbo translate - - | mpv -
  vid2vid-turbo translate drive.mp4 rtmp://example.org/live/key`;

interface Flags extends Omit<TranslateOptions, 'signal' | 'onProgress' | 'onNotice'> {
  readonly json?: true;
  readonly quiet?: true;
  readonly npmScript?: true;
}

/** Adds `translate`: a video or picture in, its translation out. */
export function addTranslateCommand(program: Command): void {
  const command = program
    .command('translate')
    .summary('translate a video or picture')
    .description(
      'Translates a video: every frame once and in order, with sound, subtitles, timing and colours kept. Also pictures, ' +
        'image sequences, URLs, and "-" for standard input or output.',
    )
    .usage('<input> [output] [options]')
    .argument('[input]', 'what to translate')
    .argument('[output]', 'where to write it (default: beside the input, named for the effect)');
  addTranslateOptions(command)
    .optionsGroup('What is shown:')
    .option('--json', 'one JSON object a line: progress, notices, and the summary or error as the last')
    .option('-q, --quiet', 'errors only')
    .addOption(new Option('--npm-script', "run by this package's own npm script").hideHelp())
    .addHelpText('after', examples)
    .action(async (input: string | undefined, output: string | undefined, { npmScript, ...flags }: Flags) => {
      if (npmScript) {
        // npm runs scripts in the package's folder; paths are meant from where the user is.
        chdir(process.env.INIT_CWD ?? '.');
      }
      if (input === undefined && npmScript) {
        process.exitCode = await translate(relative(cwd(), sampleClip), undefined, { ...flags, overwrite: true });
      } else if (input === undefined) {
        command.error("error: missing required argument 'input'");
      } else if ((output ?? input) === '-' && process.stdout.isTTY) {
        command.error('error: the video would be written to the terminal\nName an output, or pipe it into something.');
      } else {
        process.exitCode = await translate(input, output, flags);
      }
    });
}

/** Translates and shows how it goes; gives back the exit code. */
async function translate(input: string, output: string | undefined, flags: Omit<Flags, 'npmScript'>): Promise<number> {
  const { json, quiet, ...options } = flags;
  const view = createView({ json, quiet, videoOnStdout: (output ?? input) === '-' });
  using interruption = new Interruption(() => view.stopping());
  const { CanceledError, translateFile } = await import('../index.js');
  try {
    const summary = await translateFile(input, output, {
      ...options,
      signal: interruption.signal,
      onProgress: (progress) => view.progress(progress),
      onNotice: (notice) => view.notice(notice),
    });
    view.finished(summary);
    return 0;
  } catch (error) {
    // Ctrl-C reaches ffmpeg as well, so that what fails first may not be what was the cause.
    const stopped = interruption.exitCode !== undefined;
    const failure = describeFailure(stopped ? new CanceledError('Stopped before the end.', { cause: error }) : error);
    view.failed(failure);
    return interruption.exitCode ?? failure.exitCode;
  }
}

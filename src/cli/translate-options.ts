import { InvalidArgumentError, Option, type Command } from 'commander';

import type { DeviceName, TranslateOptions } from '../index.js';

// Objects, so that the compiler misses a name that is added to the types.
/** Names of the devices. */
export const devices = Object.keys({
  auto: true,
  cpu: true,
  webgpu: true,
  cuda: true,
  tensorrt: true,
  coreml: true,
  dml: true,
} satisfies Record<DeviceName, true>);
const compareLayouts = Object.keys({
  'side-by-side': true,
  split: true,
} satisfies Record<NonNullable<TranslateOptions['compare']>, true>);

/** Adds the options that say what a translation is to be like; their names are those of {@link TranslateOptions}. */
export function addTranslateOptions(command: Command): Command {
  return command
    .optionsGroup('What is done:')
    .option('-e, --effect <name>', 'the effect; "vid2vid-turbo models list" names them (default: day-to-night)')
    .option('-m, --model <name>', 'a model by its name, or the folder of a package, instead of --effect')
    .option('--strength <share>', 'how much of the effect, from 0 to 1 (default: 1)', number(0, 1))
    .option(
      '--guidance <share>',
      'how closely the input is followed, from 0 to 1, by models that take it',
      number(0, 1),
    )
    .option('--seed <number>', 'which of several possible pictures, by models that take it', whole(0, 2 ** 24))
    .addOption(new Option('--compare <layout>', 'put the input beside its translation').choices(compareLayouts))
    .option('--start <time>', 'where to begin: seconds or HH:MM:SS')
    .option('-t, --duration <time>', 'how much to translate: seconds or HH:MM:SS')
    .option('-s, --size <size>', 'size to translate and write at: 1280x720, 720p or source (default: source)')
    .option(
      '--working-size <pixels>',
      "short side that the network works at, at most; the result is scaled back (default: the model's)",
      whole(16, 8192),
    )
    .option('--frame-rate <fps>', 'frames a second of an image sequence (default: 25)', number(0.001, 1000))
    .option('--allow-truncated', 'translate a file whose end is missing as far as it goes')
    .optionsGroup('How it is written:')
    .option('-y, --overwrite', 'replace an output that is there already')
    .option('-f, --format <name>', "container, as ffmpeg calls it (default: by the output's extension)")
    .option('--codec <name>', 'video encoder, as ffmpeg calls it: libx264, libx265, h264_nvenc ...')
    .option('--crf <number>', 'quality, lower is better (default: 18 for x264)', number(0, 63))
    .option(
      '--preset <name>',
      "the encoder's preset (default: between superfast and veryfast for x264, veryfast for x265)",
    )
    .optionsGroup('Where it runs:')
    .addOption(new Option('-d, --device <name>', 'where the network runs (default: auto)').choices(devices))
    .option(
      '--sessions <count>',
      'networks side by side (default: what is fastest here, but 1 for a model that remembers)',
      whole(1, 64),
    )
    .option(
      '--threads <count>',
      'threads for each of them; with 2 or more a CPU runs an embedded model on two or three frames at once, each with a thread at least (default: the cores, shared)',
      whole(1, 256),
    )
    .option('--ffmpeg <path>', 'the ffmpeg to use (default: FFMPEG_PATH, a new one on PATH, the bundled one)');
}

/** Reads a number between two others. */
export function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Reads a whole number between two others. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

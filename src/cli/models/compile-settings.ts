import { InvalidArgumentError, Option, type Command } from 'commander';

/** Adds the options that say how a checkpoint is compiled. */
export function addCompileSettings(command: Command): Command {
  return command
    .addOption(
      new Option('--precision <name>', 'number format: fp32 for a CPU, fp16 for a GPU, or both (default: fp32)').choices([
        'fp32',
        'fp16',
        'both',
      ]),
    )
    .addOption(
      new Option('--posterior <name>', 'what is handed on of each frame: mode is calm, sample is as the authors do it').choices(
        ['mode', 'sample'],
      ),
    )
    .option('--seed <number>', 'seed of every noise in the network (default: 0)', seed);
}

function seed(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value < 2 ** 32)) {
    throw new InvalidArgumentError(`It is a whole number from 0 to ${2 ** 32 - 1}.`);
  }
  return value;
}

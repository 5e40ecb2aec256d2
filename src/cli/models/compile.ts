import { Option, type Command } from 'commander';

import type { CompileOptions } from '../../index.js';
import { addCompileSettings } from './compile-settings.js';
import { runModelWork, type ModelWorkFlags } from './model-work.js';

const examples = `
Examples:
  vid2vid-turbo models compile --checkpoint model_1001.pkl --base ./sd-turbo --prompt "driving in the night" \\
    --direction a2b --id my-night
  vid2vid-turbo models compile --checkpoint model_1001.pkl --base sd_turbo.safetensors --tokenizer ./tokenizer \\
    --prompt "driving in the night" --direction a2b --id my-night
  vid2vid-turbo translate drive.mp4 --model my-night`;

type Flags = Omit<CompileOptions, 'signal' | 'onProgress' | 'onNotice'> & ModelWorkFlags;

/** Adds `models compile`: the user's own checkpoint made into a package. */
export function addCompileCommand(models: Command): void {
  const command = models
    .command('compile')
    .description('compile a checkpoint of your own (CycleGAN-Turbo or pix2pix-Turbo)')
    .requiredOption('--checkpoint <file>', 'the checkpoint, a .pkl file')
    .requiredOption('--base <path>', "SD-Turbo: its folder as diffusers lays it out, or its one file, sd_turbo.safetensors")
    .option('--tokenizer <folder>', "SD-Turbo's tokenizer/, which its one file hasn't (default: one that a pull left)")
    .requiredOption('--prompt <text>', 'the prompt that it was trained with')
    .requiredOption('--id <name>', 'what to call the model')
    .addOption(
      new Option('--direction <way>', 'which way a CycleGAN-Turbo goes: a2b, or back').choices(['a2b', 'b2a']),
    )
    .addOption(
      new Option('--kind <name>', 'what kind of checkpoint it is (default: look)').choices([
        'auto',
        'cyclegan-turbo',
        'pix2pix-turbo',
      ]),
    )
    .addOption(
      new Option(
        '--input <name>',
        'what a pix2pix-Turbo is given of each frame (default: sketch for a stochastic one, else edges)',
      ).choices(['picture', 'edges', 'sketch']),
    )
    .option('--effect <name>', 'the effect it gets (default: the name)')
    .option('--title <text>', 'its name for people');
  addCompileSettings(command)
    .option('-o, --output <folder>', 'where to write the package (default: the cache, to be used by its name)')
    .option('-y, --overwrite', 'replace a package that is there already')
    .option('--json', 'one JSON object a line: progress, notices, and the model or the error as the last')
    .option('-q, --quiet', 'errors only')
    .addHelpText('after', examples)
    .action(async ({ json, quiet, ...options }: Flags) => {
      process.exitCode = await runModelWork({ json, quiet }, async (callbacks) => {
        const { compileModel } = await import('../../index.js');
        const model = await compileModel({ ...options, ...callbacks });
        const name = model.origin === 'cache' ? model.id : model.directory;
        return { result: { type: 'model', ...model }, text: `${model.id} is ready: vid2vid-turbo translate <video> --model ${name}` };
      });
    });
}

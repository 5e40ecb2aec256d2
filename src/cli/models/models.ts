import type { Command } from 'commander';

import { addCompileCommand } from './compile.js';
import { addInfoCommand } from './info.js';
import { addListCommand } from './list.js';
import { addPullCommand } from './pull.js';
import { addRemoveCommand } from './remove.js';
import { addVerifyCommand } from './verify.js';

const examples = `
Examples:
  vid2vid-turbo models                                   what there is, and what can be pulled
  vid2vid-turbo models pull day-to-night-turbo           fetch the authors' network and compile it for this machine
  vid2vid-turbo translate drive.mp4 --model day-to-night-turbo

Models are kept in the cache folder of the platform, or in the one that VID2VID_TURBO_CACHE names.`;

/** Adds `models`: what there is to translate with, and how to get more. */
export function addModelsCommand(program: Command): void {
  const models = program
    .command('models')
    .summary('list, pull, compile and check models')
    .description('Lists the models and their effects, fetches the published ones, compiles your own.')
    .addHelpText('after', examples);
  addListCommand(models);
  addPullCommand(models);
  addCompileCommand(models);
  addInfoCommand(models);
  addVerifyCommand(models);
  addRemoveCommand(models);
}

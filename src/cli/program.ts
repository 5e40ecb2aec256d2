import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { addCompletionCommands } from './completion.js';
import { addDevicesCommand } from './devices.js';
import { addDoctorCommand } from './doctor.js';
import { exitCodesHelp } from './exit-codes.js';
import { addModelsCommand } from './models/models.js';
import { addServeCommand } from './serve.js';
import { addTranslateCommand } from './translate.js';

/**
 * The command line: commands, options and help. Where others would print an error and exit, parsing throws commander's
 * `CommanderError`.
 */
export function createProgram(): Command {
  const program = describeProgram();
  addCompletionCommands(program, describeProgram);
  return program;
}

function describeProgram(): Command {
  const program = new Command('vid2vid-turbo')
    .description('Translates video in real time, one network pass a frame: day to night and more.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', `\n${exitCodesHelp}\n\nStart with: vid2vid-turbo translate drive.mp4`)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  addTranslateCommand(program);
  addServeCommand(program);
  addModelsCommand(program);
  addDevicesCommand(program);
  addDoctorCommand(program);
  return program;
}

function packageVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

#!/usr/bin/env node
import { CommanderError } from 'commander';

import { describeFailure, printFailure } from './failure.js';
import { createProgram } from './program.js';

// Whoever reads the output may go away early (`vid2vid-turbo models list | head -1`): not worth a word.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      throw error;
    }
  });
}

const asJson = process.argv.includes('--json');
// What escapes from an event handler, a full disk under standard output for instance, is told no worse than the rest.
process.on('uncaughtException', (error) => {
  const failure = describeFailure(error);
  printFailure(failure, process.stderr);
  process.exit(failure.exitCode);
});
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = fail(error);
}

/** Tells why nothing came of it; gives back the exit code. */
function fail(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) {
    return 0; // Help or the version was asked for, and is printed.
  }
  const failure = describeFailure(error);
  if (asJson) {
    process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  } else if (!(error instanceof CommanderError && error.code === 'commander.help')) {
    printFailure(failure, process.stderr); // Without a command, the help has been printed instead.
  }
  return failure.exitCode;
}

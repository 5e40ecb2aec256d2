import type { Command } from 'commander';

import type { RemoveOptions } from '../../index.js';
import { megabytes } from '../text.js';
import { runModelWork, type ModelWorkFlags } from './model-work.js';

/** Adds `models remove`: a pulled or compiled model taken away. */
export function addRemoveCommand(models: Command): void {
  models
    .command('remove')
    .description('remove a pulled or compiled model, and its checkpoint if that was kept')
    .argument('<model>', 'which one')
    .option('--downloads', "the base's files as well, which other models may share")
    .option('--json', 'as one JSON object')
    .option('-q, --quiet', 'errors only')
    .action(async (model: string, { json, quiet, ...options }: RemoveOptions & ModelWorkFlags) => {
      process.exitCode = await runModelWork({ json, quiet }, async ({ signal, onNotice }) => {
        const { removeModel } = await import('../../index.js');
        const removed = await removeModel(model, { ...options, signal, onNotice });
        return { result: { type: 'removed', ...removed }, text: `Removed ${removed.id}: ${megabytes(removed.bytes)}` };
      });
    });
}

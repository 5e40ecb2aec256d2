import type { Command } from 'commander';

import { exitCodes } from '../exit-codes.js';
import { megabytes, paint } from '../text.js';
import { runModelWork, type ModelWorkFlags } from './model-work.js';

/** Adds `models verify`: every byte of a model, or of all, compared with its manifest. */
export function addVerifyCommand(models: Command): void {
  models
    .command('verify')
    .description('compare every file of a model, or of all models, with its checksum')
    .argument('[model]', 'its name, or the folder of a model package (default: all models)')
    .option('--json', 'one JSON object a line: progress, and the models as the last')
    .option('-q, --quiet', 'errors only')
    .addHelpText('after', '\nExits with 5 when something is wrong with one.')
    .action(async (model: string | undefined, flags: ModelWorkFlags) => {
      process.exitCode = await runModelWork(flags, async ({ signal, onProgress }) => {
        const { verifyModel, verifyModels } = await import('../../index.js');
        const verified =
          model === undefined
            ? await verifyModels({ signal, onProgress })
            : [await verifyModel(model, { signal, onProgress })];
        const broken = verified.some(({ problem }) => problem !== undefined);
        const lines = verified.map(({ id, bytes, problem }) =>
          problem === undefined
            ? `${paint('green', 'whole', process.stdout)}   ${id} (${megabytes(bytes)})`
            : `${paint('red', 'broken', process.stdout)}  ${id}: ${problem}`,
        );
        return { result: { type: 'verified', models: verified }, text: lines.join('\n'), plain: true, exitCode: broken ? exitCodes['model-invalid'] : 0 };
      });
    });
}

import type { Command } from 'commander';

import { columns, megabytes, paint } from './text.js';

/** Adds `models`: what there is to translate with. */
export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('list the models and their effects');
  models
    .command('list', { isDefault: true })
    .description('list the models there are')
    .option('--json', 'as one JSON array')
    .action(listModelsCommand);
}

async function listModelsCommand({ json }: { readonly json?: true }): Promise<void> {
  const { listModels } = await import('../index.js');
  const models = await listModels();
  if (json) {
    process.stdout.write(`${JSON.stringify(models, undefined, 2)}\n`);
    return;
  }
  if (models.length === 0) {
    process.stdout.write('There are no models.\n');
    return;
  }
  const header = ['effect', 'model', 'version', 'precision', 'size', 'licence', 'title'];
  const rows = models.map((model) => [
    model.effect,
    model.id,
    model.version,
    model.precision.join(' '),
    megabytes(model.bytes),
    model.licence,
    model.title,
  ]);
  const [first = '', ...rest] = columns([header, ...rows]).split('\n');
  process.stdout.write(`${paint('bold', first, process.stdout)}\n${rest.join('\n')}`);
  for (const { id, problem } of models) {
    if (problem !== undefined) {
      process.stdout.write(`${paint('red', `${id}:`, process.stdout)} ${problem}\n`);
    }
  }
}

import type { Command } from 'commander';

import type { ModelListing, PublishedModelListing } from '../../index.js';
import { columns, megabytes, paint } from '../text.js';

/** Adds `models list`, which is also what `models` alone does. */
export function addListCommand(models: Command): void {
  models
    .command('list', { isDefault: true })
    .description('list the models there are, and those that can be pulled')
    .option('--json', 'as one JSON array of the models there are')
    .action(async ({ json }: { readonly json?: true }) => {
      const { listModels, listPublishedModels } = await import('../../index.js');
      const there = await listModels();
      if (json) {
        process.stdout.write(`${JSON.stringify(there, undefined, 2)}\n`);
        return;
      }
      const known = await listPublishedModels();
      process.stdout.write(describeThere(there));
      process.stdout.write(describePullable(known.filter(({ pulled }) => !pulled)));
    });
}

function describeThere(models: readonly ModelListing[]): string {
  if (models.length === 0) {
    return 'There are no models.\n';
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
  const problems = models.flatMap(({ id, problem }) =>
    problem === undefined ? [] : [`${paint('red', `${id}:`, process.stdout)} ${problem}\n`],
  );
  return `${withHeader(header, rows)}${problems.join('')}`;
}

function describePullable(models: readonly PublishedModelListing[]): string {
  if (models.length === 0) {
    return '';
  }
  const rows = models.map(({ effect, id, title }) => [effect, id, title]);
  return `\nTo be had with "vid2vid-turbo models pull <model>":\n${withHeader(['effect', 'model', 'title'], rows)}`;
}

function withHeader(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const [first = '', ...rest] = columns([header, ...rows]).split('\n');
  return `${paint('bold', first, process.stdout)}\n${rest.join('\n')}`;
}

import type { Command } from 'commander';

import type { ModelListing, ModelManifest, PublishedModelListing } from '../../index.js';
import { columns, megabytes, paint } from '../text.js';

/** Adds `models info`: all that is known of one model. */
export function addInfoCommand(models: Command): void {
  models
    .command('info')
    .description('tell all about one model, there or to be pulled')
    .argument('<model>', 'its name, or the folder of a model package')
    .option('--json', 'as one JSON object')
    .action(async (model: string, { json }: { readonly json?: true }) => {
      const { describeModelById } = await import('../../index.js');
      const found = await describeModelById(model);
      process.stdout.write(json ? `${JSON.stringify(found, undefined, 2)}\n` : describe(found));
    });
}

function describe({
  listing,
  manifest,
  published,
}: {
  readonly listing?: ModelListing | undefined;
  readonly manifest?: ModelManifest | undefined;
  readonly published?: PublishedModelListing | undefined;
}): string {
  const rows: [string, string][] = [
    ['model', listing?.id ?? published?.id ?? ''],
    ['title', listing?.title ?? published?.title ?? ''],
    ['effect', listing?.effect ?? published?.effect ?? ''],
    ['description', manifest?.description ?? published?.description ?? ''],
  ];
  if (listing !== undefined) {
    rows.push(
      ['folder', listing.directory],
      ['version', listing.version],
      ['precision', listing.precision.join(' ')],
      ['size', megabytes(listing.bytes)],
      ['licence', listing.licence],
    );
  }
  if (manifest !== undefined) {
    const { input, conditions, states } = manifest;
    rows.push(
      ['source', manifest.source],
      ['pictures', `${input.minWidth}x${input.minHeight} to ${input.maxWidth}x${input.maxHeight}`],
      ...(input.workingSize === undefined
        ? []
        : [['working size', `${input.workingSize} on the short side, unless --working-size says otherwise`] as [string, string]]),
      ['takes', conditions.map(({ kind }) => kind).join(', ') || 'the frame only'],
      ...(states.length === 0
        ? []
        : [['remembers', `from frame to frame, ${states.map(({ input, output }) => `${output} as ${input}`).join(', ')}`] as [string, string]]),
    );
  }
  if (published !== undefined) {
    rows.push(
      ['checkpoint', published.checkpoint],
      ['prompt', published.prompt ?? 'yours: --prompt'],
      ...published.terms.map(({ title, summary, url }) => ['terms', `${title}: ${summary} ${url}`] as [string, string]),
    );
  }
  const problem =
    listing?.problem === undefined ? '' : `${paint('red', 'problem:', process.stdout)} ${listing.problem}\n`;
  const hint = listing === undefined ? `\nNot here yet: vid2vid-turbo models pull ${published?.id ?? ''}\n` : '';
  return `${columns(rows)}${problem}${hint}`;
}

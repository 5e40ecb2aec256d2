import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { LicenceError } from '../errors/errors.js';
import type { CacheFolder } from './cache/cache-folder.js';
import type { LicenceTerms, PublishedModel } from './published.js';

/**
 * Whether the user accepts a model's terms: said beforehand, or asked.
 *
 * @group Models
 */
export type LicenceConsent = boolean | ((terms: readonly LicenceTerms[]) => boolean | Promise<boolean>);

/**
 * Makes sure that the user has accepted the terms of a model; consent is recorded with the terms it was given to, so that
 * it is asked once, and again when they change.
 *
 * @throws LicenceError when they aren't accepted.
 */
export async function requireConsent(
  cache: CacheFolder,
  model: PublishedModel,
  consent: LicenceConsent,
): Promise<void> {
  const { id, terms } = model;
  const file = path.join(cache.records, `consent-${id}.json`);
  const digest = createHash('sha256').update(JSON.stringify(terms)).digest('hex');
  if ((await recorded(file)) === digest) {
    return;
  }
  const accepted = typeof consent === 'function' ? await consent(terms) : consent;
  if (!accepted) {
    const links = terms.map(({ title, url }) => `${title}: ${url}`).join('; ');
    throw new LicenceError('licence-not-accepted', `The terms of ${id} were not accepted. ${links}`, {
      remedy: 'Read them; if you agree, accept them with --accept-licence.',
    });
  }
  const record = { model: id, acceptedAt: new Date().toISOString(), digest, terms };
  await writeFile(`${file}.partial`, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(`${file}.partial`, file);
}

async function recorded(file: string): Promise<unknown> {
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as { readonly digest?: unknown }).digest;
  } catch {
    return undefined;
  }
}

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

/**
 * Terms under which a part of a published model may be used.
 *
 * @group Models
 */
export interface LicenceTerms {
  /** What they are the terms of. */
  readonly title: string;
  /** What they say, in one or two sentences; what is binding stands at {@link LicenceTerms.url}. */
  readonly summary: string;
  /** Where they are. */
  readonly url: string;
}

const remoteWeights = z.object({
  path: z.string().min(1),
  bytes: z.int().positive().optional(),
  approximateBytes: z.int().positive().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const terms = z.object({ title: z.string(), summary: z.string(), url: z.url() });

const base = z.object({
  /** Where its files are, in their own folders. */
  origin: z.url(),
  files: z.array(z.object({ path: z.string().min(1) })),
  /** Files there are at two precisions; `path` is where the compiler looks for the one that was taken. */
  weights: z.array(z.object({ path: z.string().min(1), fp32: remoteWeights, fp16: remoteWeights })),
});

const model = z.object({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  effect: z.string(),
  title: z.string(),
  description: z.string(),
  kind: z.enum(['cyclegan-turbo', 'pix2pix-turbo']),
  checkpoint: z.object({ url: z.url() }),
  base: z.string(),
  /** Left out where the user says it. */
  prompt: z.string().optional(),
  direction: z.enum(['a2b', 'b2a']).optional(),
  terms: z.array(z.string()).min(1),
});

const catalogueSchema = z.object({
  formatVersion: z.literal(1),
  terms: z.record(z.string(), terms),
  bases: z.record(z.string(), base),
  models: z.array(model),
});

/** A model that its authors published, to be fetched and compiled. */
export type PublishedModel = Omit<z.output<typeof model>, 'base' | 'terms'> & {
  readonly base: PublishedBase;
  readonly terms: readonly LicenceTerms[];
};

/** The pretrained model that a published checkpoint changes. */
export type PublishedBase = z.output<typeof base>;

// Beside the embedded packages and not in src/: it is data, and the same file serves src/, dist/ and an installed package.
const file = fileURLToPath(new URL('../../models/published.json', import.meta.url));

let read: Promise<readonly PublishedModel[]> | undefined;

/** The models that `pullModel` can fetch. */
export function publishedModels(): Promise<readonly PublishedModel[]> {
  read ??= readFile(file, 'utf8').then((json) => parsePublishedModels(JSON.parse(json)));
  return read;
}

/** Checks the catalogue's data and joins each model with its base and terms. */
export function parsePublishedModels(data: unknown): readonly PublishedModel[] {
  const { models, bases, terms: allTerms } = catalogueSchema.parse(data);
  return models.map((entry) => ({
    ...entry,
    base: named(bases, entry.base),
    terms: entry.terms.map((name) => named(allTerms, name)),
  }));
}

function named<T>(table: Readonly<Record<string, T>>, name: string): T {
  const found = table[name];
  if (found === undefined) {
    throw new RangeError(`The catalogue names "${name}", which it doesn't hold.`);
  }
  return found;
}

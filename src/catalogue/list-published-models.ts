import type { ModelManifest } from '../generator/manifest.js';
import { readManifest } from '../generator/model-package.js';
import { findListing } from './find-model.js';
import { listModels, type ModelListing } from './list-models.js';
import { publishedModels, type LicenceTerms, type PublishedModel } from './published.js';

/**
 * A model that its authors published, as a list shows it.
 *
 * @group Models
 */
export interface PublishedModelListing {
  /** Its name, for `pullModel`. */
  readonly id: string;
  /** What it does; the name of the effect. */
  readonly effect: string;
  /** Its name for people. */
  readonly title: string;
  /** One or two sentences. */
  readonly description: string;
  /** Address of the authors' checkpoint. */
  readonly checkpoint: string;
  /** The prompt it was trained with; undefined where the user says it. */
  readonly prompt: string | undefined;
  /** The terms that have to be accepted before it is fetched. */
  readonly terms: readonly LicenceTerms[];
  /** Whether it is here. */
  readonly pulled: boolean;
}

/**
 * All that is known of a model.
 *
 * @group Models
 */
export interface ModelDescription {
  /** What a list shows of it; undefined where it isn't here. */
  readonly listing: ModelListing | undefined;
  /** What its manifest says; undefined where it isn't here, or isn't whole. */
  readonly manifest: ModelManifest | undefined;
  /** Where it comes from; undefined where it isn't one of the published ones. */
  readonly published: PublishedModelListing | undefined;
}

/**
 * Lists the models that `pullModel` can fetch.
 *
 * @group Models
 */
export async function listPublishedModels(): Promise<readonly PublishedModelListing[]> {
  const [published, here] = await Promise.all([publishedModels(), listModels()]);
  const ids = new Set(here.map(({ id }) => id));
  return published.map((model) => describePublished(model, ids.has(model.id)));
}

/**
 * Tells all that is known of a model, here or to be pulled.
 *
 * @param id - The model's id, or folder of a model package.
 * @throws {@link ModelError} for an id that nothing has, with the nearest there is, and for a folder that holds no package.
 * @group Models
 */
export async function describeModelById(id: string): Promise<ModelDescription> {
  const available = await listPublishedModels();
  const toPull = available.find((model) => model.id === id && !model.pulled);
  if (toPull !== undefined) {
    return { listing: undefined, manifest: undefined, published: toPull };
  }
  const listing = await findListing(id);
  const published = available.find((model) => model.id === listing.id);
  // What keeps it from being read stands in the listing; of a folder nothing else is known.
  const manifest = await readManifest(listing.directory).catch((error: unknown) => {
    if (listing.origin === 'folder') {
      throw error;
    }
    return undefined;
  });
  return { listing, manifest, published };
}

function describePublished(model: PublishedModel, pulled: boolean): PublishedModelListing {
  const { id, effect, title, description, checkpoint, prompt, terms } = model;
  return { id, effect, title, description, checkpoint: checkpoint.url, prompt, terms, pulled };
}

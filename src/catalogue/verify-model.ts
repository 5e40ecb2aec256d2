import { throwIfCanceled, Vid2VidError } from '../errors/errors.js';
import { loadModelPackage } from '../generator/model-package.js';
import { findListing } from './find-model.js';
import { listModels, type ModelListing } from './list-models.js';
import { StageReporter, type OnModelProgress } from './work-progress.js';

/**
 * Options of {@link verifyModel} and {@link verifyModels}.
 *
 * @group Models
 */
export interface VerifyOptions {
  /** Stops the work between two models. */
  readonly signal?: AbortSignal | undefined;
  /** Told how far it is. */
  readonly onProgress?: OnModelProgress | undefined;
}

/**
 * Reads every file of a model, compares its length and SHA-256 with the manifest, and looks at its graphs.
 *
 * @param model - Id of a model that is here, or folder of a model package.
 * @returns Its listing; `problem` says what is wrong with it, and is undefined where nothing is.
 * @throws {@link ModelError} when there is no such model.
 * @group Models
 */
export async function verifyModel(model: string, options: VerifyOptions = {}): Promise<ModelListing> {
  const listing = await findListing(model);
  const [verified = listing] = await verifyAll([listing], options);
  return verified;
}

/**
 * Verifies every model that is here, as {@link verifyModel} does.
 *
 * @group Models
 */
export async function verifyModels(options: VerifyOptions = {}): Promise<readonly ModelListing[]> {
  return verifyAll(await listModels(), options);
}

async function verifyAll(
  listings: readonly ModelListing[],
  { signal, onProgress }: VerifyOptions,
): Promise<readonly ModelListing[]> {
  const reporter = new StageReporter('check', onProgress);
  const verified: ModelListing[] = [];
  for (const [index, listing] of listings.entries()) {
    throwIfCanceled(signal);
    reporter.report(listing.id, index, listings.length);
    verified.push(await verify(listing));
  }
  return verified;
}

async function verify(listing: ModelListing): Promise<ModelListing> {
  if (listing.problem !== undefined) {
    return listing;
  }
  try {
    await loadModelPackage(listing.directory);
    return listing;
  } catch (error) {
    if (error instanceof Vid2VidError) {
      return { ...listing, problem: error.message };
    }
    throw error;
  }
}

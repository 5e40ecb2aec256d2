import { stat } from 'node:fs/promises';
import path from 'node:path';

import { closest, distance } from 'fastest-levenshtein';

import { ModelError } from '../errors/errors.js';
import { loadModelPackage, type ModelPackage } from '../generator/model-package.js';
import { gigabytes } from './cache/disk-space.js';
import { describeModel, listModels, type ModelListing } from './list-models.js';
import { publishedModels } from './published.js';

/** What is done to a picture where nothing is asked for. */
export const defaultEffect = 'day-to-night';

/** Bytes above which checking and loading a model takes long enough to be told. */
const worthANotice = 500e6;

/**
 * Which model to find.
 *
 * @group Models
 */
export interface FindModelOptions {
  /** Name of the effect. Default `'day-to-night'`. */
  readonly effect?: string | undefined;
  /** Id of a model that is here, or folder of a model package: that one, whatever its effect. */
  readonly model?: string | undefined;
  /** Told in one line what the user should know, such as that a large model takes a while to load. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/**
 * Finds and loads a model: the one named, or the first that has the effect, embedded ones before those in the cache.
 *
 * @throws {@link ModelError} for an effect or model that isn't there, with the nearest there is, and for a package that
 * isn't whole.
 * @group Models
 */
export async function findModel({
  effect = defaultEffect,
  model,
  onNotice,
}: FindModelOptions = {}): Promise<ModelPackage> {
  const found = model === undefined ? await findEffect(effect) : await findListing(model);
  if (found.bytes > worthANotice) {
    onNotice?.(`${found.title}: ${gigabytes(found.bytes)} are checked and loaded, which takes a while.`);
  }
  return loadModelPackage(found.directory);
}

async function findEffect(effect: string): Promise<ModelListing> {
  const models = await listModels();
  // One that isn't whole is taken only where there is no other, and then loading it says what is wrong.
  const having = models.filter((model) => model.effect === effect);
  const found = having.find(({ problem }) => problem === undefined) ?? having[0];
  if (found === undefined) {
    throw await unknownEffect(effect, models);
  }
  return found;
}

/**
 * The listing of a model that is here, or of a package in a folder; what is wrong with that is told, not thrown.
 *
 * @param model - Id of a model, or folder of a model package. A plain word is an id first: outputs are named after effects,
 * too, and a folder of that name need be no package.
 * @throws ModelError for an id that there is none of.
 */
export async function findListing(model: string): Promise<ModelListing> {
  if (!looksLikePath(model)) {
    if (!(await isFolder(model))) {
      return findInstalled(model);
    }
    const installed = (await listModels()).find(({ id }) => id === model);
    if (installed !== undefined) {
      return installed;
    }
  }
  return describeModel(path.resolve(model), 'folder');
}

/**
 * The listing of a model that is here.
 *
 * @throws ModelError when there is none of that id, saying how to get it where it can be had.
 */
export async function findInstalled(id: string): Promise<ModelListing> {
  const models = await listModels();
  const found = models.find((listing) => listing.id === id);
  if (found !== undefined) {
    return found;
  }
  const published = (await publishedModels()).map((entry) => entry.id);
  if (published.includes(id)) {
    throw new ModelError('model-not-found', `Model ${id} has not been pulled yet.`, {
      remedy: `Pull it: vid2vid-turbo models pull ${id}`,
    });
  }
  throw unknownModel(id, [...new Set([...models.map((listing) => listing.id), ...published])]);
}

/** The error for an id that nothing has, with the nearest there is. */
export function unknownModel(id: string, ids: readonly string[]): ModelError {
  const nearest = nearestOf(id, ids);
  return new ModelError(
    'model-not-found',
    `There is no model "${id}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`} Models: ${ids.join(', ')}.`,
    { remedy: 'Choose one of these, or name the folder that holds manifest.json and the .onnx file.' },
  );
}

function looksLikePath(text: string): boolean {
  return text.includes('/') || text.includes(path.sep) || text.startsWith('.') || text.startsWith('~');
}

async function isFolder(name: string): Promise<boolean> {
  return (await stat(name).catch(() => undefined))?.isDirectory() ?? false;
}

function nearestOf(word: string, words: readonly string[]): string | undefined {
  const nearest = words.length === 0 ? undefined : closest(word.toLowerCase(), words);
  // Further off than half its letters, it isn't what was meant.
  return nearest !== undefined && distance(word.toLowerCase(), nearest) <= nearest.length / 2 ? nearest : undefined;
}

async function unknownEffect(effect: string, models: readonly ModelListing[]): Promise<ModelError> {
  const pullable = (await publishedModels()).find((entry) => entry.effect === effect);
  if (pullable !== undefined) {
    return new ModelError('effect-unknown', `No model for the effect "${effect}" is here yet.`, {
      remedy: `Pull one: vid2vid-turbo models pull ${pullable.id}`,
    });
  }
  const effects = [...new Set(models.map((model) => model.effect).filter((name) => name !== ''))];
  if (effects.length === 0) {
    const problems = models.map(({ id, problem }) => `${id}: ${problem ?? 'no effect'}`).join('; ');
    return new ModelError('model-not-found', `No model is installed${problems === '' ? '' : ` (${problems})`}.`, {
      remedy: 'Install the package again, or name a model package with --model.',
    });
  }
  const nearest = nearestOf(effect, effects);
  return new ModelError(
    'effect-unknown',
    `There is no effect "${effect}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`} Effects: ${effects.join(', ')}.`,
    { remedy: nearest === undefined ? 'Choose one of these with --effect.' : `Use --effect ${nearest}.` },
  );
}

import { closest, distance } from 'fastest-levenshtein';

import { ModelError } from '../errors/errors.js';
import { loadModelPackage, type ModelPackage } from '../generator/model-package.js';
import { listModels, type ModelListing } from './list-models.js';

/** What is done to a picture where nothing is asked for. */
export const defaultEffect = 'day-to-night';

/**
 * Which model to find.
 *
 * @group Models
 */
export interface FindModelOptions {
  /** Name of the effect. Default `'day-to-night'`. */
  readonly effect?: string | undefined;
  /** Folder of a model package to take instead, whatever its effect. */
  readonly directory?: string | undefined;
}

/**
 * Finds and loads a model: the package in a folder, or the embedded one of an effect.
 *
 * @throws {@link ModelError} for an effect that no model has, with the nearest there is, and for a package that isn't whole.
 * @group Models
 */
export async function findModel({ effect = defaultEffect, directory }: FindModelOptions = {}): Promise<ModelPackage> {
  if (directory !== undefined) {
    return loadModelPackage(directory);
  }
  const models = await listModels();
  const [found] = models.filter((model) => model.effect === effect);
  if (found === undefined) {
    throw unknownEffect(effect, models);
  }
  return loadModelPackage(found.directory);
}

function unknownEffect(effect: string, models: readonly ModelListing[]): ModelError {
  const effects = [...new Set(models.map((model) => model.effect).filter((name) => name !== ''))];
  if (effects.length === 0) {
    const problems = models.map(({ id, problem }) => `${id}: ${problem ?? 'no effect'}`).join('; ');
    return new ModelError('model-not-found', `No model is installed${problems === '' ? '' : ` (${problems})`}.`, {
      remedy: 'Install the package again, or name a model package with --model.',
    });
  }
  const nearest = closest(effect.toLowerCase(), effects);
  // Further off than half its letters, it isn't what was meant.
  const isNear = distance(effect.toLowerCase(), nearest) <= nearest.length / 2;
  return new ModelError(
    'effect-unknown',
    `There is no effect "${effect}".${isNear ? ` Did you mean "${nearest}"?` : ''} Effects: ${effects.join(', ')}.`,
    { remedy: isNear ? `Use --effect ${nearest}.` : 'Choose one of these with --effect.' },
  );
}

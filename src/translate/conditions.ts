import type { ConditionValues } from '../generator/conditions.js';
import type { ModelPackage } from '../generator/model-package.js';
import type { ResolvedTranslateOptions } from './options.js';

/**
 * What the network is told beside the frame shown at `seconds`: what the user asks for, and the time for models with
 * movement.
 *
 * A strength of 1 is every model's own default and isn't told, so that models without one can be run.
 */
export function conditionsAt(seconds: number, options: ResolvedTranslateOptions, model: ModelPackage): ConditionValues {
  const takesTime = model.manifest.conditions.some((condition) => condition.kind === 'time');
  return {
    ...(options.strength === 1 ? {} : { strength: options.strength }),
    ...(takesTime ? { time: seconds } : {}),
    ...(options.guidance === undefined ? {} : { guidance: options.guidance }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
}

import { UsageError } from '../errors/errors.js';
import type { ModelManifest } from './manifest.js';

/**
 * Numbers that steer a model, by what they mean. A model takes those that its manifest names; what is left out has the
 * manifest's default.
 *
 * @group Generating
 */
export interface ConditionValues {
  /** How much of the effect, usually 0 (none) to 1 (all). */
  readonly strength?: number | undefined;
  /** Time of day, position in a sequence, or whatever the model calls time. */
  readonly time?: number | undefined;
  /** Which of several possible pictures. */
  readonly seed?: number | undefined;
  /** How closely a prompt is followed. */
  readonly guidance?: number | undefined;
}

/**
 * The values to feed, by the graph's input names.
 *
 * @throws {@link UsageError} for a number that the model doesn't take, or that lies outside its range.
 */
export function resolveConditions(manifest: ModelManifest, values: ConditionValues): Readonly<Record<string, number>> {
  const kinds = manifest.conditions.map(({ kind }) => kind);
  for (const [kind, value] of Object.entries(values)) {
    if (value !== undefined && !kinds.some((known) => known === kind)) {
      throw new UsageError(`Model ${manifest.id} takes no ${kind}.`, {
        remedy: kinds.length === 0 ? 'Leave it out.' : `Leave it out; the model takes: ${kinds.join(', ')}.`,
      });
    }
  }
  const fed: Record<string, number> = {};
  for (const { kind, input, minimum = -Infinity, maximum = Infinity, default: usual } of manifest.conditions) {
    const value: unknown = values[kind] ?? usual;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < minimum || value > maximum) {
      throw new UsageError(`${kind} is ${String(value)}; model ${manifest.id} takes ${rangeText(minimum, maximum)}.`);
    }
    fed[input] = value;
  }
  return fed;
}

function rangeText(minimum: number, maximum: number): string {
  if (minimum !== -Infinity && maximum !== Infinity) {
    return `a number from ${minimum} to ${maximum}`;
  }
  if (minimum !== -Infinity) {
    return `a number of at least ${minimum}`;
  }
  return maximum === Infinity ? 'a number' : `a number of at most ${maximum}`;
}

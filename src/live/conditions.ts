import { UsageError } from '../errors/errors.js';
import type { ConditionValues } from '../generator/conditions.js';
import type { ModelPackage } from '../generator/model-package.js';
import type { LiveFrame } from '../video/live/live-frame.js';

/** What a model takes beside a frame: of strength and time what it asks for. */
export function conditionsOf({ manifest }: ModelPackage, strength: number, { timestamp }: LiveFrame): ConditionValues {
  const kinds = new Set(manifest.conditions.map(({ kind }) => kind));
  return {
    ...(kinds.has('strength') ? { strength } : {}),
    ...(kinds.has('time') ? { time: timestamp / 1_000_000 } : {}),
  };
}

/** @throws UsageError outside 0 to 1. */
export function assertStrength(strength: number): void {
  if (!(strength >= 0 && strength <= 1)) {
    throw new UsageError(`The strength is ${strength}; it has to be from 0 to 1.`);
  }
}

import { describe, expect, test } from 'vitest';

import { resolveConditions } from '../../dist/generator/conditions.js';
import type { ModelManifest } from '../../dist/generator/manifest.js';

const manifest = {
  id: 'dusk',
  conditions: [
    { kind: 'strength', input: 's', minimum: 0, maximum: 1, default: 1 },
    { kind: 'seed', input: 'noise', default: 7 },
  ],
} as unknown as ModelManifest;

describe('conditions', () => {
  test('are fed by the names of the graph, with defaults for what is left out', () => {
    expect(resolveConditions(manifest, { strength: 0.25, time: undefined })).toEqual({ s: 0.25, noise: 7 });
  });

  test('out of their range are refused', () => {
    for (const strength of [-0.1, 1.5, Number.NaN]) {
      expect(() => resolveConditions(manifest, { strength })).toThrow(
        `strength is ${strength}; model dusk takes a number from 0 to 1.`,
      );
    }
    expect(() => resolveConditions(manifest, { seed: Infinity })).toThrow(
      'seed is Infinity; model dusk takes a number.',
    );
  });

  test('that the model does not take are refused, and those it takes are named', () => {
    expect(() => resolveConditions(manifest, { guidance: 1 })).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: 'Model dusk takes no guidance.',
        remedy: 'Leave it out; the model takes: strength, seed.',
      }),
    );
  });
});

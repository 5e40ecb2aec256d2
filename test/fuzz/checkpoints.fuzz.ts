import { expect, test } from 'vitest';

import { isSound, readMutated } from '../compiler/checkpoint/mutations.js';
import { temporaryFolder } from '../support/models.js';

const mebibyte = 2 ** 20;
const first = Number(process.env.FUZZ_SEED ?? 1000);

test(`five hundred spoilt checkpoints, from seed ${first} (FUZZ_SEED=number for others)`, async () => {
  const seeds = Array.from({ length: 500 }, (_, i) => first + i);
  const { outcomes, codeWasRun, memoryGrowth } = await readMutated(await temporaryFolder(), seeds);
  expect(outcomes.filter((outcome) => !isSound(outcome))).toEqual([]);
  expect(outcomes.filter(({ error }) => error !== undefined).length).toBeGreaterThan(250);
  expect(codeWasRun).toBe(false);
  expect(memoryGrowth).toBeLessThan(500 * mebibyte);
}, 600_000);

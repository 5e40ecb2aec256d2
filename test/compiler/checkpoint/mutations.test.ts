import { expect, test } from 'vitest';

import { temporaryFolder } from '../../support/models.js';
import { isSound, readMutated } from './mutations.js';

const mebibyte = 2 ** 20;

test('sixty spoilt checkpoints are each taken or refused; nothing crashes, nothing is run, little memory is taken', async () => {
  const { outcomes, codeWasRun, memoryGrowth } = await readMutated(await temporaryFolder(), Array(60).keys());
  expect(outcomes.filter((outcome) => !isSound(outcome))).toEqual([]);
  expect(outcomes.filter(({ error }) => error !== undefined).length).toBeGreaterThan(30);
  expect(codeWasRun).toBe(false);
  expect(memoryGrowth).toBeLessThan(500 * mebibyte);
});

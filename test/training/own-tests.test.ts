import { expect, test } from 'vitest';

import { isHere, runModule } from './python.js';

test.skipIf(!isHere)('the training’s own tests pass', { timeout: 900_000 }, async () => {
  const { code, said } = await runModule('pytest', '-q', '-p', 'no:cacheprovider');
  expect(`${String(code)} ${said}`).toMatch(/^0 .* passed/s);
});

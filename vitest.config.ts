import { configDefaults, defineConfig } from 'vitest/config';

import LongestFirst from './test/support/longest-first.js';

/** Files that watch something play, at its own pace or in a browser: with others beside them pictures would be dropped. */
const live = ['test/{client,live,server}/**/*.test.ts', 'test/cli/serve.test.ts', 'test/pipeline/live-pump.test.ts'];
/** A file that judges how long a program takes. */
const timed = ['test/scripts/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default', './test/support/plain-summary-reporter.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'two at a time',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...live, ...timed],
          // Most of what they wait for is one program on one core; none of them is in a hurry.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'one by one',
          include: [...live, ...timed],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

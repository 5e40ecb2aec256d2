import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // Every test that translates video wants both cores for itself; files one after the other keep them honest.
    fileParallelism: false,
    reporters: ['default', './test/support/plain-summary-reporter.ts'],
    globalSetup: ['test/support/global-setup.ts'],
  },
});

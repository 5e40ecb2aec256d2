import { defineConfig } from 'vitest/config';

/** What takes too long for every day: `npm run test:soak`. */
export default defineConfig({
  test: {
    include: ['test/soak/**/*.soak.ts'],
    fileParallelism: false,
    globalSetup: ['test/support/global-setup.ts'],
  },
});

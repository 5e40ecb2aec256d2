import { defineConfig } from 'vitest/config';

/** Hundreds of spoilt inputs, more than every day needs: `npm run test:fuzz`. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.fuzz.ts'],
    fileParallelism: false,
    globalSetup: ['test/support/global-setup.ts'],
  },
});

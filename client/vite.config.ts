import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vite';

const inRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: inRoot('.'),
  build: {
    outDir: inRoot('../dist/client'),
    emptyOutDir: true,
    target: 'es2022',
    // The page's Content-Security-Policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  // While working on the page: the socket of a `vid2vid-turbo serve` on its usual port.
  server: {
    proxy: { '/live': { target: 'http://127.0.0.1:8080', ws: true, changeOrigin: true, rewriteWsOrigin: true } },
  },
});

/**
 * The product itself, with the delay of its event loop measured from inside.
 *
 * Usage: tsx bench/peers/product.ts INPUT OUTPUT SIZE
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { translateFile } from '../../dist/index.js';

const [input = '', output = '', size = ''] = process.argv.slice(2);
const delay = monitorEventLoopDelay({ resolution: 1 });
let measuring = false;
const summary = await translateFile(input, output, {
  size,
  overwrite: true,
  onProgress: () => {
    // Start-up (loading modules and the model) is not what viewers of a running translation would feel.
    if (!measuring) {
      measuring = true;
      delay.enable();
    }
  },
});
delay.disable();
console.log(JSON.stringify({ ...summary, eventLoopP99Ms: delay.percentile(99) / 1e6 }));

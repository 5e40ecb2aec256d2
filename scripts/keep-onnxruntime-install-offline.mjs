// Runs before the installation scripts of our dependencies (npm runs every `preinstall` before any `postinstall`).
//
// onnxruntime-node's own postinstall downloads several hundred MB of CUDA libraries on linux/x64, and makes the whole
// installation fail where that host can't be reached, though the CPU and WebGPU runtimes are inside its npm package:
// https://github.com/microsoft/onnxruntime/issues/24770. Here its default becomes "skip"; asking for them still works:
//   npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const defaultToSkip =
  'process.env.ONNXRUNTIME_NODE_INSTALL ||= process.env.npm_config_onnxruntime_node_install || "skip";';

try {
  const script = createRequire(import.meta.url).resolve('onnxruntime-node/script/install.js');
  const source = readFileSync(script, 'utf8');
  if (!source.includes(defaultToSkip)) {
    writeFileSync(script, `${defaultToSkip}\n${source}`);
  }
} catch {
  // Not unpacked yet (the project's own checkout, where .npmrc says the same) or not writable: nothing to do.
}

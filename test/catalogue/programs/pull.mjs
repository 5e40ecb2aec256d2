// Pulls a model with a compiler that takes its time: `node pull.mjs <cache> <mirror> [milliseconds to compile]`.
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { pullPublishedModel } from '../../../dist/catalogue/pull-model.js';
import { publishedModels } from '../../../dist/catalogue/published.js';

const [cache, baseUrl, milliseconds = '0'] = process.argv.slice(2);
process.env.VID2VID_TURBO_CACHE = cache;
const [model] = await publishedModels();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function compile({ output, about, signal }) {
  say({ compiling: output });
  await writeFile(path.join(output, 'model.onnx'), 'half of a graph');
  await delay(Number(milliseconds), undefined, { signal });
  await cp(fileURLToPath(new URL('../../fixtures/models/invert', import.meta.url)), output, { recursive: true });
  const file = path.join(output, 'manifest.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...about }));
}

try {
  const options = {
    baseUrl,
    acceptLicence: true,
    onProgress: (progress) => say({ progress }),
    onNotice: (notice) => say({ notice }),
  };
  say({ model: await pullPublishedModel(model, options, { compile }) });
} catch (error) {
  say({ error: error.message, code: error.code });
  process.exitCode = 1;
}

import { readdirSync, readFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { CacheFolder } from '../../dist/catalogue/cache/cache-folder.js';
import type { CompilePackage } from '../../dist/catalogue/compile-package.js';
import { FileServer } from './file-server.js';
import { fixture } from './models.js';

/** Checkpoints and a base as they are published, at widths that fit a test: made by test/oracle/make-network-fixtures.py. */
export const networks = fileURLToPath(new URL('../fixtures/networks/', import.meta.url));

/** Where the sources of the published models have SD-Turbo. */
export const basePath = '/stabilityai/sd-turbo/resolve/b261bac6fd2cf515557d5d0707481eafa0485ec2/';
/** Where they have the checkpoints. */
export const checkpointPath = '/~img2img-turbo/models/';
/** The largest of the small base's files. */
export const unetPath = `${basePath}unet/diffusion_pytorch_model.safetensors`;

/** A mirror of all published models, each with the small checkpoint of its kind. */
export async function mirrorOfPublishedModels(): Promise<FileServer> {
  const base = path.join(networks, 'base');
  const files = readdirSync(base, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((entry) => path.relative(base, path.join(entry.parentPath, entry.name)));
  const checkpoint = (name: string) => readFileSync(path.join(networks, name));
  return FileServer.start({
    ...Object.fromEntries(
      names.map((name) => [`${basePath}${name.replaceAll('\\', '/')}`, readFileSync(path.join(base, name))]),
    ),
    ...Object.fromEntries(
      ['day2night', 'night2day', 'clear2rainy', 'rainy2clear'].map((name) => [
        `${checkpointPath}${name}.pkl`,
        checkpoint('cyclegan-turbo.pkl'),
      ]),
    ),
    [`${checkpointPath}edge_to_image_loras.pkl`]: checkpoint('pix2pix-turbo.pkl'),
    [`${checkpointPath}sketch_to_image_stochastic_lora.pkl`]: checkpoint('pix2pix-turbo-stochastic.pkl'),
  });
}

/** The folders of a cache at a place of the test's own. */
export function cacheAt(root: string): CacheFolder {
  const names = ['packages', 'work', 'blobs', 'downloads', 'records', 'locks'] as const;
  const folders = Object.fromEntries(names.map((name) => [name, path.join(root, name)]));
  return { root, ...folders } as unknown as CacheFolder;
}

/** Stands in for the compiler where a test is about fetching and storing: writes a tiny package of the right name. */
export const writeTinyPackage: CompilePackage = async ({ output, about }) => {
  await cp(fixture('invert'), output, { recursive: true });
  const file = path.join(output, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...manifest, ...about }));
};

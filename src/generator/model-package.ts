import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { ModelError } from '../errors/errors.js';
import type { ProviderName } from './execution-providers.js';
import { checkGraph } from './graph-check.js';
import type { ModelFile, ModelGraph, ModelManifest, Precision } from './manifest.js';
import { parseManifest } from './parse-manifest.js';

/**
 * A model that has been read and found whole.
 *
 * @group Models
 */
export interface ModelPackage {
  /** Its folder, absolute. */
  readonly directory: string;
  /** What its manifest says. */
  readonly manifest: ModelManifest;
}

const fetchAgain = 'The package is damaged or incomplete: fetch it again.';

/**
 * Reads a model package and checks all of it: the manifest's form, every file's length and checksum, and that each
 * graph takes and gives what the manifest says.
 *
 * @param directory - Folder that holds manifest.json and the files it names.
 * @throws {@link ModelError} that names the file, what was expected and what was found.
 * @group Models
 */
export async function loadModelPackage(directory: string): Promise<ModelPackage> {
  const folder = path.resolve(directory);
  const manifest = await readManifest(folder);
  for (const graph of manifest.graphs) {
    for (const file of filesOf(graph)) {
      await checkLength(folder, file);
      await checkHash(folder, file);
    }
    checkGraph(path.join(folder, graph.file), graph, manifest);
  }
  return { directory: folder, manifest };
}

/** Reads the manifest of a package, and nothing else of it. */
export async function readManifest(directory: string): Promise<ModelManifest> {
  const file = path.join(directory, 'manifest.json');
  let json: string;
  try {
    json = await readFile(file, 'utf8');
  } catch (cause) {
    throw await explainUnreadable(directory, cause);
  }
  return parseManifest(json, file);
}

/** Every file that a graph is made of. */
export function filesOf(graph: ModelGraph): readonly ModelFile[] {
  return [graph, ...(graph.externalData ?? [])];
}

/** Checks that a file is there and of the length that the manifest says: quick, and enough for a listing. */
export async function checkLength(directory: string, file: ModelFile): Promise<void> {
  const name = path.join(directory, file.file);
  const found = await stat(name).catch(() => undefined);
  if (!found?.isFile()) {
    throw new ModelError('model-invalid', `${name} is missing; the manifest names it.`, { remedy: fetchAgain });
  }
  if (found.size !== file.bytes) {
    throw new ModelError('model-invalid', `${name} has ${found.size} bytes; the manifest says ${file.bytes}.`, {
      remedy: fetchAgain,
    });
  }
}

/** The graph to run on a provider: a CPU is quickest with int8, a GPU with fp16; fp32 is what both can always do. */
export function chooseGraph(manifest: ModelManifest, provider: ProviderName): ModelGraph {
  const order: readonly Precision[] = provider === 'cpu' ? ['int8', 'fp32', 'fp16'] : ['fp16', 'fp32', 'int8'];
  const chosen = order.map((precision) => manifest.graphs.find((graph) => graph.precision === precision));
  const graph = chosen.find((found) => found !== undefined);
  if (graph === undefined) {
    throw new ModelError('model-invalid', `Model ${manifest.id} has no graph.`, { remedy: fetchAgain });
  }
  return graph;
}

async function checkHash(directory: string, file: ModelFile): Promise<void> {
  const name = path.join(directory, file.file);
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(name, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
    }
  } catch (cause) {
    throw new ModelError('model-invalid', `${name} can't be read: ${(cause as Error).message}`, {
      remedy: 'Check its permissions.',
      cause,
    });
  }
  const found = hash.digest('hex');
  if (found !== file.sha256) {
    throw new ModelError('model-invalid', `${name} has sha256 ${found}; the manifest says ${file.sha256}.`, {
      remedy: fetchAgain,
    });
  }
}

async function explainUnreadable(directory: string, cause: unknown): Promise<ModelError> {
  const code = (cause as NodeJS.ErrnoException).code;
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) {
    return new ModelError('model-not-found', `There is no model package at ${directory}.`, {
      remedy: 'Name the folder that holds manifest.json and the .onnx file.',
      cause,
    });
  }
  if (!found.isDirectory()) {
    return new ModelError('model-not-found', `${directory} is a file; a model package is a folder.`, {
      remedy: `Name the folder it is in: ${path.dirname(directory)}`,
      cause,
    });
  }
  if (code === 'ENOENT') {
    return new ModelError('model-not-found', `${directory} holds no manifest.json.`, {
      remedy: 'Name the folder that holds manifest.json and the .onnx file.',
      cause,
    });
  }
  return new ModelError('model-not-found', `The manifest in ${directory} can't be read: ${(cause as Error).message}`, {
    remedy: 'Check its permissions.',
    cause,
  });
}

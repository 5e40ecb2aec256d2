import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession, type Tensor } from 'onnxruntime-node';

import type { GraphBuilder } from '../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../dist/compiler/onnx/model-writer.js';
import { fixDimensions } from '../../dist/generator/fix-dimensions.js';

/** Writes a graph and runs it once in onnxruntime, its sizes fixed at the start as the engine does. */
export async function runGraph(
  graph: GraphBuilder,
  feeds: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>> = {},
): Promise<Readonly<Record<string, Tensor>>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-graph-'));
  try {
    await writeModel(graph, directory);
    return await runModel(path.join(directory, 'model.onnx'), feeds, sizes);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Loads an ONNX file, its sizes fixed as the engine does. */
export async function loadModel(file: string, sizes: Readonly<Record<string, number>>): Promise<InferenceSession> {
  return InferenceSession.create(fixDimensions(await readFile(file), sizes), {
    extra: { session: { model_external_initializers_file_folder_path: path.dirname(file) } },
    logSeverityLevel: 3,
  });
}

/** Runs an ONNX file once. */
export async function runModel(
  file: string,
  feeds: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>> = {},
): Promise<Readonly<Record<string, Tensor>>> {
  const session = await loadModel(file, sizes);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Graphs that several tests run: each is written once. */
export class GraphStore {
  readonly #files = new Map<string, Promise<string>>();
  readonly #directory = mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-graphs-'));

  /** The file of a graph; `make` is called the first time, and is to write it into a folder. */
  file(key: string, make: (directory: string, name: string) => Promise<unknown>): Promise<string> {
    const found = this.#files.get(key) ?? this.#write(`${this.#files.size}.onnx`, make);
    this.#files.set(key, found);
    return found;
  }

  async close(): Promise<void> {
    await rm(await this.#directory, { recursive: true });
  }

  async #write(name: string, make: (directory: string, name: string) => Promise<unknown>): Promise<string> {
    const directory = await this.#directory;
    await make(directory, name);
    return path.join(directory, name);
  }
}

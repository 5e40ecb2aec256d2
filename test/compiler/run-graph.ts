import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession, type Tensor } from 'onnxruntime-node';

import type { GraphBuilder } from '../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../dist/compiler/onnx/model-writer.js';

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

/** Runs an ONNX file once. */
export async function runModel(
  file: string,
  feeds: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>> = {},
): Promise<Readonly<Record<string, Tensor>>> {
  const session = await InferenceSession.create(file, { freeDimensionOverrides: sizes, logSeverityLevel: 3 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

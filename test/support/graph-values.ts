import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readGraphHeader } from '../../dist/generator/onnx-header.js';
import type { StageGraph } from '../../dist/generator/split-graph.js';
import { temporaryFolder } from './models.js';

/** The names of a graph's inputs and outputs, and how those of one name are declared. */
export async function valuesOf(bytes: Uint8Array) {
  const file = path.join(await temporaryFolder(), 'stage.onnx');
  await writeFile(file, bytes);
  const { opset, inputs, outputs } = readGraphHeader(file);
  return {
    opset,
    inputs: inputs.map(({ name }) => name).sort(),
    outputs: outputs.map(({ name }) => name).sort(),
    find: (wanted: string) => [...inputs, ...outputs].find(({ name }) => name === wanted),
  };
}

/** The stages' files, each with the inputs that it takes of a shape of its own: the place of its tensor in all splits, and 2. */
export function writeStages(
  stages: readonly StageGraph[],
  splits: readonly (readonly string[])[],
): readonly Uint8Array[] {
  const places = splits.flat();
  return stages.map((stage) =>
    stage.write(stage.takes.map((tensor) => ({ tensor, shape: [places.indexOf(tensor), 2] }))),
  );
}

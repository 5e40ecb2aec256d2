import { InputError, ModelError } from '../errors/errors.js';
import type { ModelGraph, ModelManifest, ModelState } from './manifest.js';
import { type Dimension, type GraphHeader, type GraphValue, readGraphHeader } from './onnx-header.js';

// TensorProto.DataType of onnx.proto.
const float32 = 1;
const uint8 = 2;
const elementTypes: Readonly<Record<number, string>> = {
  [float32]: 'float32',
  [uint8]: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
};

const remedy = 'A graph has to take and give uint8 [1, height, width, 3] under the names in its manifest.';

const stateRemedy =
  'A state is a float32 input and a float32 output of as many dimensions; "states" in the manifest names them.';

/** What a session needs to know of a graph that has been found right. */
export interface CheckedGraph {
  /** Dimensions of the frame input: batch, height, width, channels. */
  readonly frameDimensions: readonly Dimension[];
  /** Shape of each condition's input, `[1]` or `[]`. */
  readonly conditionShapes: ReadonlyMap<string, readonly number[]>;
}

/**
 * Checks that a graph takes and gives what its manifest says: the frame, the conditions, the states, and nothing else.
 *
 * @param path - The graph's file.
 */
export function checkGraph(path: string, graph: ModelGraph, manifest: ModelManifest): CheckedGraph {
  const header = readHeader(path);
  if (header.opset !== undefined && header.opset !== graph.opset) {
    throw invalid(`${path} is written in opset ${header.opset}; the manifest says ${graph.opset}.`);
  }
  const frame = find(header.inputs, manifest.input.name, 'input', path);
  checkPicture(frame, 'input', path);
  checkPicture(find(header.outputs, manifest.output.name, 'output', path), 'output', path);
  const conditionShapes = new Map<string, readonly number[]>();
  for (const condition of manifest.conditions) {
    const input = find(header.inputs, condition.input, 'input', path);
    conditionShapes.set(condition.input, checkNumber(input, path));
  }
  manifest.states.forEach((state) => checkState(state, header, frame, path));
  const states = new Set(manifest.states.map((state) => state.input));
  for (const { name } of header.inputs) {
    if (name !== manifest.input.name && !conditionShapes.has(name) && !states.has(name)) {
      throw invalid(`${path} asks for an input "${name}", which the manifest doesn't name.`);
    }
  }
  return { frameDimensions: frame.dimensions, conditionShapes };
}

/** The values of a graph's free dimensions at a frame size, by their names. Those without a name stay free. */
export function bindDimensions(
  { frameDimensions }: CheckedGraph,
  width: number,
  height: number,
): Readonly<Record<string, number>> {
  const bound: Record<string, number> = {};
  [1, height, width, 3].forEach((value, axis) => {
    const dimension = frameDimensions[axis];
    const fixed = typeof dimension === 'string' ? bound[dimension] : dimension;
    if (fixed !== undefined && fixed !== value) {
      const [, rows = 'any', columns = 'any'] = frameDimensions;
      throw new InputError(
        'size-unsupported',
        `The model's graph is made for ${columns}x${rows}, not ${width}x${height}.`,
        {
          remedy: 'Translate at the size the graph is made for (--size), or use another model.',
        },
      );
    }
    if (typeof dimension === 'string') {
      bound[dimension] = value;
    }
  });
  return bound;
}

function readHeader(path: string): GraphHeader {
  try {
    return readGraphHeader(path);
  } catch (cause) {
    throw new ModelError('model-invalid', `${path} can't be read as an ONNX graph: ${(cause as Error).message}.`, {
      remedy: 'Fetch or export the model again.',
      cause,
    });
  }
}

function find(values: readonly GraphValue[], name: string, role: 'input' | 'output', path: string): GraphValue {
  const value = values.find((candidate) => candidate.name === name);
  if (value === undefined) {
    const names = values.map((candidate) => `"${candidate.name}"`).join(', ') || 'none';
    throw invalid(`${path} has no ${role} "${name}", which the manifest names; its ${role}s are: ${names}.`);
  }
  return value;
}

function checkPicture({ name, elementType, dimensions }: GraphValue, role: string, path: string): void {
  const [batch, , , channels] = dimensions;
  const shapeFits =
    dimensions.length === 4 && (typeof batch !== 'number' || batch === 1) && (channels === 3 || channels === undefined);
  // An output may leave its shape unsaid; the warm-up run tells.
  const unsaid = role === 'output' && (dimensions.length === 0 || typeof channels === 'string');
  if (elementType !== uint8 || !(shapeFits || unsaid)) {
    throw invalid(
      `${path}: ${role} "${name}" is ${typeName(elementType)} ${shapeText(dimensions)}, not uint8 [1, height, width, 3].`,
    );
  }
}

function checkNumber({ name, elementType, dimensions }: GraphValue, path: string): readonly number[] {
  if (elementType !== float32 || dimensions.length > 1 || (dimensions.length === 1 && dimensions[0] !== 1)) {
    throw invalid(
      `${path}: condition input "${name}" is ${typeName(elementType)} ${shapeText(dimensions)}, not float32 [1].`,
    );
  }
  return dimensions.length === 1 ? [1] : [];
}

function checkState(state: ModelState, header: GraphHeader, frame: GraphValue, path: string): void {
  const input = find(header.inputs, state.input, 'input', path);
  const output = find(header.outputs, state.output, 'output', path);
  const { initialShape } = state;
  const fits = ({ elementType, dimensions }: GraphValue, shape: readonly Dimension[]) =>
    elementType === float32 &&
    dimensions.length === shape.length &&
    dimensions.every(
      (size, axis) => typeof size !== 'number' || typeof shape[axis] !== 'number' || size === shape[axis],
    );
  if (!fits(input, initialShape)) {
    const needed = `float32 of ${initialShape.length} dimensions that [${initialShape.join(', ')}] fits`;
    throw invalid(`${path}: state input "${input.name}" is ${valueText(input)}, not ${needed}.`, stateRemedy);
  }
  if (!fits(output, input.dimensions)) {
    const needed = `float32 that fits its input "${input.name}", ${shapeText(input.dimensions)}`;
    throw invalid(`${path}: state output "${output.name}" is ${valueText(output)}, not ${needed}.`, stateRemedy);
  }
  // onnxruntime takes dimensions of one name for equal, and this one isn't at the first frame. The batch is always 1.
  const [batch, ...sides] = frame.dimensions;
  const elsewhere = new Set([...sides, ...header.outputs.flatMap(({ dimensions }) => dimensions)]);
  const shared = input.dimensions.find((size) => typeof size === 'string' && size !== batch && elsewhere.has(size));
  if (shared !== undefined) {
    throw invalid(
      `${path}: state input "${input.name}" shares its dimension "${shared}" with the frame or an output.`,
      'Give the free dimensions of state inputs names of their own: at the first frame they have other sizes.',
    );
  }
}

function typeName(elementType: number): string {
  return elementTypes[elementType] ?? `of element type ${elementType}`;
}

function shapeText(dimensions: readonly Dimension[]): string {
  return `[${dimensions.map((dimension) => dimension ?? '?').join(', ')}]`;
}

function valueText({ elementType, dimensions }: GraphValue): string {
  return `${typeName(elementType)} ${shapeText(dimensions)}`;
}

function invalid(message: string, otherRemedy = remedy): ModelError {
  return new ModelError('model-invalid', message, { remedy: otherRemedy });
}

import { graphFields, type GraphNode, readGraphParts } from './graph-parts.js';
import { encodeField, encodeVarint, fields } from './protobuf-wire.js';

/** Where a graph is split, and what its halves have to give. */
export interface SplitPoint {
  /** The float32 tensor that goes from the first half to the second. */
  readonly tensor: string;
  /** Name of the graph's picture output: the second half gives it. */
  readonly output: string;
  /** What the graph hands itself from frame to frame: the first half takes and gives it. */
  readonly states: readonly { readonly input: string; readonly output: string }[];
}

/** Two ONNX files that, run one after the other, do what one does. */
export interface GraphHalves {
  /** Gives the tensor that the graph was split at, and the states. */
  readonly first: Uint8Array;
  /** Takes that tensor as a further input, and gives the picture. */
  readonly second: Uint8Array;
}

/** What some outputs depend on. */
interface Needed {
  readonly nodes: ReadonlySet<GraphNode>;
  readonly tensors: ReadonlySet<string>;
}

/**
 * Splits a graph in two at a tensor. Each half has those nodes, weights and inputs that what it gives depends on, byte for
 * byte; what both depend on, such as arithmetic on the frame's size, is in both.
 *
 * @param model - An ONNX file.
 * @throws Error, when the bytes are not an ONNX file, when there is no such tensor inside its graph, or when what comes
 * before the tensor and what comes after it can't be told apart.
 */
export function splitGraph(model: Uint8Array, point: SplitPoint): GraphHalves {
  const bytes = Buffer.from(model.buffer, model.byteOffset, model.byteLength);
  const parts = [...fields({ byte: (at) => bytes[at] ?? 0 }, 0, bytes.length)];
  // ModelProto.graph of onnx.proto
  const graph = parts.find(({ number }) => number === 7);
  if (graph === undefined) {
    throw new Error('it holds no graph');
  }
  const { nodes, others } = readGraphParts(bytes, graph);
  const declared = others.find(({ tensor, field: { number } }) => tensor === point.tensor && isDeclaration(number));
  const value = declared ? [bytes.subarray(declared.field.from, declared.field.to)] : float32Value(point.tensor);

  /** The file with what is needed, and the tensor as one more input or output. */
  function half(needed: Needed, outputs: readonly string[], role: number): Uint8Array {
    const kept = others.filter(({ tensor, field: { number } }) => {
      if (tensor === undefined || tensor === point.tensor) {
        return tensor === undefined;
      }
      return number === graphFields.output ? outputs.includes(tensor) : needed.tensors.has(tensor);
    });
    const content = [...nodes.filter((node) => needed.nodes.has(node)), ...kept];
    const encoded = encodeField(7, [
      ...content.map(({ field }) => bytes.subarray(field.start, field.to)),
      ...encodeField(role, value),
    ]);
    return Buffer.concat(parts.flatMap((part) => (part === graph ? encoded : [bytes.subarray(part.start, part.to)])));
  }

  const stateOutputs = point.states.map(({ output }) => output);
  const first = collect(nodes, [point.tensor, ...stateOutputs]);
  const second = collect(nodes, [point.output], point.tensor);
  checkSplit(nodes, point, second);
  return {
    first: half(first, stateOutputs, graphFields.output),
    second: half(second, [point.output], graphFields.input),
  };
}

/** What these tensors depend on; a tensor that is given depends on nothing. */
function collect(nodes: readonly GraphNode[], wanted: readonly string[], given?: string): Needed {
  const needed = { nodes: new Set<GraphNode>(), tensors: new Set(wanted) };
  for (const node of nodes.toReversed()) {
    if (node.makes.some((name) => name !== given && needed.tensors.has(name))) {
      needed.nodes.add(node);
      node.reads.forEach((name) => needed.tensors.add(name));
    }
  }
  return needed;
}

function checkSplit(nodes: readonly GraphNode[], { tensor, output, states }: SplitPoint, second: Needed): void {
  const makers = nodes.filter(({ makes }) => makes.includes(tensor));
  if (makers.length === 0) {
    throw new Error('no node of it gives such a tensor');
  }
  if (![...second.nodes].some(({ reads }) => reads.has(tensor))) {
    throw new Error(`"${output}" doesn't depend on it`);
  }
  if (makers.some((node) => second.nodes.has(node))) {
    throw new Error(`"${output}" also depends on something else that the same node gives`);
  }
  const bypassing = states.find(({ input }) => second.tensors.has(input));
  if (bypassing !== undefined) {
    throw new Error(`"${output}" depends on the state "${bypassing.input}" by another way, too`);
  }
  const after = new Set([tensor]);
  for (const { reads, makes } of nodes) {
    if ([...reads].some((name) => after.has(name))) {
      makes.forEach((name) => after.add(name));
    }
  }
  const late = states.find((state) => after.has(state.output));
  if (late !== undefined) {
    throw new Error(`the state "${late.output}" depends on it`);
  }
}

function isDeclaration(number: number): boolean {
  return number === graphFields.valueInfo || number === graphFields.output;
}

/** The declaration of a float32 tensor of any shape: ValueInfoProto { name = 1; type = 2 { tensor_type = 1 { elem_type = 1 } } }. */
function float32Value(name: string): readonly Uint8Array[] {
  const elementType = [encodeVarint(1 * 8), encodeVarint(1)];
  return [...encodeField(1, [Buffer.from(name)]), ...encodeField(2, encodeField(1, elementType))];
}

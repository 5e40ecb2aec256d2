import { graphFields, readGraphParts } from './graph-parts.js';
import type { ModelState } from './manifest.js';
import { planSplit, type SplitPoints, type StagePlan } from './plan-split.js';
import { encodeField, encodeVarint, fields } from './protobuf-wire.js';
import type { HandedTensor } from './session-protocol.js';

/** The graph of one stage. */
export interface StageGraph {
  /** The tensors that are further inputs, given by the stage before; none for the first stage. */
  readonly takes: readonly string[];
  /** The tensors that are outputs, for the next stage; none for the last, which gives the picture. */
  readonly gives: readonly string[];
  /** What it takes and gives from frame to frame. */
  readonly states: readonly ModelState[];
  /**
   * An ONNX file of its own, once the stage before has told of which shape is what it takes: where that is left open,
   * onnxruntime knows none of the shapes that follow from it when it prepares the graph.
   */
  readonly write: (taken: readonly HandedTensor[]) => Uint8Array;
}

/**
 * Splits a graph at tensors inside it into stages, one more than there are splits, that do what it does if they are run
 * one after the other. Each has those nodes, weights and inputs that what it gives depends on, byte for byte; what several
 * depend on, such as arithmetic on the frame's size, is in all of them.
 *
 * @param model - An ONNX file.
 * @throws Error, when the bytes are not an ONNX file, when there are no such tensors inside its graph, or when what comes
 * before and after each can't be told apart.
 */
export function splitGraph(model: Uint8Array, points: SplitPoints): readonly StageGraph[] {
  const bytes = Buffer.from(model.buffer, model.byteOffset, model.byteLength);
  const parts = [...fields({ byte: (at) => bytes[at] ?? 0 }, 0, bytes.length)];
  // ModelProto.graph of onnx.proto
  const graph = parts.find(({ number }) => number === 7);
  if (graph === undefined) {
    throw new Error('it holds no graph');
  }
  const { nodes, others } = readGraphParts(bytes, graph);

  /** A tensor that a stage gives as an output, as it is declared or else as a float32 of any shape. */
  function givenValue(tensor: string): readonly Uint8Array[] {
    const declared = others.find((part) => part.tensor === tensor && isDeclaration(part.field.number));
    return declared ? [bytes.subarray(declared.field.from, declared.field.to)] : float32Value(tensor);
  }

  /** The file with what a stage needs, and what goes from stage to stage as further inputs and outputs. */
  function write(plan: StagePlan, taken: readonly HandedTensor[]): Uint8Array {
    const { takes, gives, states, nodes: needed, tensors } = plan;
    const outputs = [...states.map(({ output }) => output), ...(gives.length === 0 ? [points.output] : [])];
    const kept = others.filter(({ tensor, field: { number } }) => {
      if (tensor === undefined || takes.includes(tensor) || gives.includes(tensor)) {
        return tensor === undefined;
      }
      return number === graphFields.output ? outputs.includes(tensor) : tensors.has(tensor);
    });
    const content = [...nodes.filter((node) => needed.has(node)), ...kept];
    const encoded = encodeField(7, [
      ...content.map(({ field }) => bytes.subarray(field.start, field.to)),
      ...taken.flatMap(({ tensor, shape }) => encodeField(graphFields.input, float32Value(tensor, shape))),
      ...gives.flatMap((tensor) => encodeField(graphFields.output, givenValue(tensor))),
    ]);
    return Buffer.concat(parts.flatMap((part) => (part === graph ? encoded : [bytes.subarray(part.start, part.to)])));
  }

  return planSplit(nodes, points).map((plan) => ({
    takes: plan.takes,
    gives: plan.gives,
    states: plan.states,
    write: (taken) => write(plan, taken),
  }));
}

function isDeclaration(number: number): boolean {
  return number === graphFields.valueInfo || number === graphFields.output;
}

/**
 * The declaration of a float32 tensor, of any shape where none is named:
 * ValueInfoProto { name = 1; type = 2 { tensor_type = 1 { elem_type = 1; shape = 2 { dim = 1 { dim_value = 1 } } } } }.
 */
function float32Value(name: string, shape?: readonly number[]): readonly Uint8Array[] {
  const number = (value: number) => [encodeVarint(1 * 8), encodeVarint(value)];
  const sizes =
    shape &&
    encodeField(
      2,
      shape.flatMap((size) => encodeField(1, number(size))),
    );
  return [...encodeField(1, [Buffer.from(name)]), ...encodeField(2, encodeField(1, [...number(1), ...(sizes ?? [])]))];
}

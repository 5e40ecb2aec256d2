import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { type ByteSource, type Field, fields } from './protobuf-wire.js';

/** One dimension of a graph's input or output: a number, a name, or nothing said. */
export type Dimension = number | string | undefined;

/** An input or output of a graph. */
export interface GraphValue {
  readonly name: string;
  /** Number of its element type in ONNX's TensorProto.DataType; 0 where it is no tensor. */
  readonly elementType: number;
  readonly dimensions: readonly Dimension[];
}

/** What a graph says of itself, its nodes and weights left out. */
export interface GraphHeader {
  /** Version of the standard operators; undefined where none are used. */
  readonly opset: number | undefined;
  /** What has to be fed. */
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

/**
 * Reads what goes in and out of an ONNX file, passing over its weights: a gigabyte is told in a millisecond.
 * onnxruntime can tell as much only of a session, which needs the names of the free dimensions before it is made.
 *
 * @throws Error, when the file is not an ONNX graph, or ends before it should.
 */
export function readGraphHeader(path: string): GraphHeader {
  const file = new FileWindow(path);
  try {
    return readModel(file);
  } finally {
    file.close();
  }
}

// The numbers are the field numbers of onnx.proto (ModelProto, GraphProto, ...), stable by protobuf's rules.
function readModel(file: FileWindow): GraphHeader {
  let opset: number | undefined;
  let graph: { inputs: GraphValue[]; outputs: GraphValue[]; weights: Set<string> } | undefined;
  for (const field of fields(file, 0, file.size)) {
    if (field.number === 7 && field.wire === 2) {
      graph = readGraph(file, field);
    } else if (field.number === 8 && field.wire === 2) {
      const { domain, version } = readOpset(file, field);
      opset = domain === '' || domain === 'ai.onnx' ? version : opset;
    }
  }
  if (graph === undefined) {
    throw new Error('it holds no graph');
  }
  const { inputs, outputs, weights } = graph;
  // Older graphs list their weights among the inputs.
  return { opset, inputs: inputs.filter((input) => !weights.has(input.name)), outputs };
}

function readGraph(file: FileWindow, { from, to }: Field) {
  const graph = { inputs: [] as GraphValue[], outputs: [] as GraphValue[], weights: new Set<string>() };
  for (const field of fields(file, from, to)) {
    if (field.number === 5) {
      for (const part of fields(file, field.from, field.to)) {
        if (part.number === 8) {
          graph.weights.add(file.text(part));
        }
      }
    } else if (field.number === 11) {
      graph.inputs.push(readValue(file, field));
    } else if (field.number === 12) {
      graph.outputs.push(readValue(file, field));
    }
  }
  return graph;
}

function readOpset(file: FileWindow, { from, to }: Field) {
  const opset = { domain: '', version: 0 };
  for (const field of fields(file, from, to)) {
    if (field.number === 1) {
      opset.domain = file.text(field);
    } else if (field.number === 2) {
      opset.version = field.value;
    }
  }
  return opset;
}

// ValueInfoProto { name = 1; type = 2 { tensor_type = 1 { elem_type = 1; shape = 2 { dim = 1 { value = 1; param = 2 } } } } }
function readValue(file: FileWindow, value: Field): GraphValue {
  let name = '';
  let elementType = 0;
  const dimensions: Dimension[] = [];
  for (const field of fields(file, value.from, value.to)) {
    if (field.number === 1) {
      name = file.text(field);
    }
    for (const type of field.number === 2 ? fields(file, field.from, field.to) : []) {
      for (const tensor of type.number === 1 ? fields(file, type.from, type.to) : []) {
        if (tensor.number === 1) {
          elementType = tensor.value;
        }
        for (const dimension of tensor.number === 2 ? fields(file, tensor.from, tensor.to) : []) {
          dimensions.push(readDimension(file, dimension));
        }
      }
    }
  }
  return { name, elementType, dimensions };
}

function readDimension(file: FileWindow, { from, to }: Field): Dimension {
  for (const field of fields(file, from, to)) {
    if (field.number === 1) {
      return field.value;
    }
    if (field.number === 2) {
      return file.text(field) || undefined;
    }
  }
  return undefined;
}

/** A file, read by a window that follows where one looks. */
class FileWindow implements ByteSource {
  readonly size: number;
  readonly #descriptor: number;
  readonly #window = Buffer.alloc(1 << 16);
  #start = 0;
  #length = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.size = fstatSync(this.#descriptor).size;
  }

  byte(at: number): number {
    if (at < this.#start || at >= this.#start + this.#length) {
      this.#start = at;
      this.#length = readSync(this.#descriptor, this.#window, 0, this.#window.length, at);
    }
    return this.#window[at - this.#start] ?? 0;
  }

  text({ from, to }: Field): string {
    const bytes = Buffer.alloc(Math.min(to - from, 4096));
    readSync(this.#descriptor, bytes, 0, bytes.length, from);
    return bytes.toString('utf8');
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

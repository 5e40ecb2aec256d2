import type { Value } from './graph-builder.js';
import { type AttributeProto, attributeTypes, type GraphProto, type NodeProto } from './model-proto.js';
import { valueInfo } from './value-info.js';

/** Value of a node's attribute: whole numbers as `bigint` are ints, other numbers floats. */
export type Attribute = bigint | number | string | readonly bigint[] | readonly number[] | Body;

/** What a control-flow node runs: a graph inside the graph, that sees all values made before it. */
export interface Body {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly NodeProto[];
}

/** How an ONNX file holds an attribute of a node. */
export function attribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'string') {
    return { name, type: attributeTypes.string, s: Buffer.from(value) };
  }
  if (typeof value === 'bigint') {
    return { name, type: attributeTypes.int, i: Number(value) };
  }
  if (typeof value === 'number') {
    return { name, type: attributeTypes.float, f: value };
  }
  if ('nodes' in value) {
    return { name, type: attributeTypes.graph, g: bodyProto(value) };
  }
  const whole = value.filter((item) => typeof item === 'bigint');
  return whole.length === value.length
    ? { name, type: attributeTypes.ints, ints: whole.map(Number) }
    : { name, type: attributeTypes.floats, floats: value.map(Number) };
}

function bodyProto({ name, nodes, inputs, outputs }: Body): GraphProto {
  return { name, node: nodes, initializer: [], input: inputs.map(valueInfo), output: outputs.map(valueInfo) };
}

import type { Dimension } from './dimension.js';
import { elementTypes } from './element-type.js';
import type { Value } from './graph-builder.js';
import type { ValueInfoProto } from './model-proto.js';

/** How an ONNX file describes an input or output. */
export function valueInfo({ name, type, shape }: Value): ValueInfoProto {
  const dim = shape.map((dimension: Dimension) =>
    typeof dimension === 'number' ? { dimValue: dimension } : { dimParam: dimension.toString() },
  );
  return { name, type: { tensorType: { elemType: elementTypes[type].number, shape: { dim } } } };
}

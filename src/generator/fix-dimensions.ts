import { encodeField, encodeVarint, type Field, fields } from './protobuf-wire.js';

/**
 * Bytes of a graph file above which onnxruntime reads it by itself, whole and its size left free: to change it first would
 * take twice the file's length of memory beside onnxruntime's own. Models of gigabytes have their weights in other files
 * anyway.
 */
export const mostBytesRewritten = 100e6;

/** Bytes of a message, in pieces. */
type Pieces = readonly Uint8Array[];

/** Where a message lies. */
type Span = Pick<Field, 'from' | 'to'>;

/**
 * A graph whose free dimensions are fixed: wherever an input's shape has one of these names, it gets the number. The rest,
 * weights included, is taken over byte for byte; onnxruntime infers all other shapes from the inputs'.
 *
 * Knowing the size, onnxruntime computes when it loads a graph what depends on nothing else. Its own option for this,
 * `freeDimensionOverrides`, is documented for Node.js, but the binding of onnxruntime-node 1.30 doesn't read it; where
 * it does, this file can go.
 *
 * @param model - An ONNX file.
 * @param values - Numbers by the names of the dimensions.
 * @throws Error, when the bytes are not an ONNX file, or end before they should.
 */
export function fixDimensions(model: Uint8Array, values: Readonly<Record<string, number>>): Uint8Array {
  const numbers = new Map(Object.entries(values));
  const bytes = Buffer.from(model.buffer, model.byteOffset, model.byteLength);
  const source = { byte: (at: number) => bytes[at] ?? 0 };

  /** A message in which each part of that number is replaced. */
  function replace({ from, to }: Span, number: number, replacement: (part: Field) => Pieces): Pieces {
    return [...fields(source, from, to)].flatMap((field) =>
      field.number === number && field.wire === 2
        ? encodeField(number, replacement(field))
        : [bytes.subarray(field.start, field.to)],
    );
  }

  /** A dimension by its number, where it has a name that has one. Denotations stay. */
  function fixDimension(dimension: Span): Pieces {
    const parts = [...fields(source, dimension.from, dimension.to)];
    const name = parts.find((part) => part.number === 2);
    const number = name && numbers.get(bytes.toString('utf8', name.from, name.to));
    if (number === undefined) {
      return [bytes.subarray(dimension.from, dimension.to)];
    }
    const rest = parts.filter((part) => part.number > 2).map((part) => bytes.subarray(part.start, part.to));
    return [encodeVarint(1 * 8), encodeVarint(number), ...rest];
  }

  // By the field numbers of onnx.proto: ModelProto.graph, GraphProto.input, ValueInfoProto.type, TypeProto.tensor_type,
  // Tensor.shape, TensorShapeProto.dim.
  const path = [7, 11, 2, 1, 2, 1];
  const fix = (message: Span, depth: number): Pieces => {
    const number = path[depth];
    return number === undefined ? fixDimension(message) : replace(message, number, (part) => fix(part, depth + 1));
  };
  return Buffer.concat(fix({ from: 0, to: bytes.length }, 0));
}

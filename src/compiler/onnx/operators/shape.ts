import { add, type Dimension, elementCount, equal, multiply as times, type Shape, shapeText } from '../dimension.js';
import { expectEqual, type GraphBuilder, type Value } from '../graph-builder.js';

/** The same numbers in another shape. */
export function reshape(graph: GraphBuilder, x: Value, shape: Shape): Value {
  expectEqual(graph, elementCount(shape), elementCount(x.shape), `the number of elements of ${shapeText(shape)}`);
  return graph.single('Reshape', [x, reshapeTarget(graph, x, shape)], { type: x.type, shape });
}

/** Axes in another order: axis i of the result is axis `order[i]` of x. */
export function transpose(graph: GraphBuilder, x: Value, order: readonly number[]): Value {
  const sorted = [...order].sort((a, b) => a - b);
  graph.expect(
    sorted.length === x.shape.length && sorted.every((axis, i) => axis === i),
    () => `[${order.join(', ')}] is no order of the axes of ${shapeText(x.shape)}`,
  );
  const shape = order.map((axis) => x.shape[axis] ?? NaN);
  return graph.single('Transpose', [x], { type: x.type, shape }, { attributes: { perm: order.map(BigInt) } });
}

/** Tensors one after the other along an axis. */
export function concatenate(graph: GraphBuilder, parts: readonly [Value, ...Value[]], axis: number): Value {
  const [first, ...rest] = parts;
  const shape = rest.reduce<Shape>((joined, part) => {
    const fits =
      part.shape.length === joined.length && joined.every((d, i) => i === axis || equal(d, part.shape[i] ?? NaN));
    graph.expect(
      fits && part.type === first.type,
      () =>
        `${part.type} ${shapeText(part.shape)} can't be joined to ${first.type} ${shapeText(joined)} along axis ${axis}`,
    );
    return joined.map((dimension, i) => (i === axis ? add(dimension, part.shape[i] ?? NaN) : dimension));
  }, first.shape);
  return graph.single('Concat', parts, { type: first.type, shape }, { attributes: { axis: BigInt(axis) } });
}

/** Elements from `start` up to, and without, `end` along an axis of known length. */
export function slice(graph: GraphBuilder, x: Value, axis: number, start: number, end: number): Value {
  const length = x.shape[axis];
  graph.expect(
    typeof length === 'number' && 0 <= start && start < end && end <= length,
    () => `${start} to ${end} is no part of axis ${axis} of ${shapeText(x.shape)}`,
  );
  const bounds = [start, end, axis].map((number) => graph.constant([number], 'int64'));
  const shape = x.shape.map((dimension, i) => (i === axis ? end - start : dimension));
  return graph.single('Slice', [x, ...bounds], { type: x.type, shape });
}

/** Equal parts along an axis of known length. */
export function split(graph: GraphBuilder, x: Value, axis: number, parts: number): readonly Value[] {
  const length = x.shape[axis];
  if (typeof length !== 'number' || length % parts !== 0) {
    throw graph.fault(`axis ${axis} of ${shapeText(x.shape)} can't be split into ${parts} equal parts`);
  }
  const shape = x.shape.map((dimension, i) => (i === axis ? length / parts : dimension));
  const results = Array.from({ length: parts }, () => ({ type: x.type, shape }));
  return graph.node('Split', [x], results, { attributes: { axis: BigInt(axis), num_outputs: BigInt(parts) } });
}

/** Rows and columns added around the last two axes: zeros, the edge repeated, or mirrored. */
export function pad(
  graph: GraphBuilder,
  x: Value,
  [top, left, bottom, right]: readonly [top: number, left: number, bottom: number, right: number],
  mode: 'constant' | 'edge' | 'reflect' = 'constant',
): Value {
  const leading = x.shape.slice(0, -2);
  const [height = NaN, width = NaN] = x.shape.slice(-2);
  const none = leading.map(() => 0);
  const pads = graph.constant([...none, top, left, ...none, bottom, right], 'int64');
  const shape = [...leading, add(height, top + bottom), add(width, left + right)];
  return graph.single('Pad', [x, pads], { type: x.type, shape }, { attributes: { mode } });
}

/** The middle of the last two axes: without so many rows and columns at each side. */
export function crop(
  graph: GraphBuilder,
  x: Value,
  [top, left, bottom, right]: readonly [top: number, left: number, bottom: number, right: number],
): Value {
  const leading = x.shape.slice(0, -2);
  const [height = NaN, width = NaN] = x.shape.slice(-2);
  const axes = [leading.length, leading.length + 1];
  // An end past the last element is the last element; a negative one counts from there.
  const ends = [bottom, right].map((margin) => (margin === 0 ? 2 ** 31 : -margin));
  const bounds = [[top, left], ends, axes].map((numbers) => graph.constant(numbers, 'int64'));
  const shape = [...leading, add(height, -top - bottom), add(width, -left - right)];
  return graph.single('Slice', [x, ...bounds], { type: x.type, shape });
}

/** Repeats along axes of length 1, up to a shape. */
export function expand(graph: GraphBuilder, x: Value, shape: Shape): Value {
  return graph.single('Expand', [x, graph.shapeTensor(shape)], { type: x.type, shape });
}

/**
 * Nearest-neighbour scaling of a picture [1, channels, height, width] to a size: element i comes from floor(i · in / out),
 * as in torch.nn.functional.interpolate.
 */
export function resizeNearest(graph: GraphBuilder, x: Value, height: Dimension, width: Dimension): Value {
  const [batch = NaN, channels = NaN] = x.shape;
  const shape = [batch, channels, height, width];
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return graph.single(
    'Resize',
    [x, undefined, undefined, graph.shapeTensor(shape)],
    { type: x.type, shape },
    { attributes },
  );
}

/** As {@link resizeNearest}, twice the size. */
export function doubleNearest(graph: GraphBuilder, x: Value): Value {
  const [batch = NaN, channels = NaN, height = NaN, width = NaN] = x.shape;
  const shape = [batch, channels, add(height, height), add(width, width)];
  const scales = graph.constant([1, 1, 2, 2], 'float32');
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return graph.single('Resize', [x, undefined, scales], { type: x.type, shape }, { attributes });
}

/**
 * Channels spread over the picture: of `side`² groups of channels, each becomes every `side`-th row and column, the first
 * group the first of them, the second the next column.
 */
export function depthToSpace(graph: GraphBuilder, x: Value, side: number): Value {
  const [batch = NaN, channels, height = NaN, width = NaN] = x.shape;
  if (typeof channels !== 'number' || channels % (side * side) !== 0) {
    throw graph.fault(`the channels of ${shapeText(x.shape)} can't be spread over squares of ${side}x${side}`);
  }
  const shape = [batch, channels / (side * side), times(height, side), times(width, side)];
  const attributes = { blocksize: BigInt(side), mode: 'DCR' };
  return graph.single('DepthToSpace', [x], { type: x.type, shape }, { attributes });
}

/** Shape input of Reshape: 0 copies an axis, one -1 is worked out; only what is left is read from other values. */
function reshapeTarget(graph: GraphBuilder, x: Value, shape: Shape): Value {
  const plain = shape.map((dimension, axis) => {
    if (typeof dimension === 'number') {
      return dimension;
    }
    return equal(dimension, x.shape[axis] ?? NaN) ? 0 : -1;
  });
  return plain.filter((dimension) => dimension === -1).length <= 1
    ? graph.constant(plain, 'int64')
    : graph.shapeTensor(shape);
}

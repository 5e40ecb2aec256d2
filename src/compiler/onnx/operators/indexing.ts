import { type Dimension, elementCount, shapeText } from '../dimension.js';
import type { GraphBuilder, Value } from '../graph-builder.js';
import { add } from './elementwise.js';

/** Rows of a table (or elements of a list): the result has the shape of `indices`, then the table's without its first axis. */
export function gather(graph: GraphBuilder, table: Value, indices: Value): Value {
  graph.expect(
    indices.type === 'int32' || indices.type === 'int64',
    () => `indices are whole numbers, not ${indices.type}`,
  );
  const shape = [...indices.shape, ...table.shape.slice(1)];
  return graph.single('Gather', [table, indices], { type: table.type, shape }, { attributes: { axis: 0n } });
}

/**
 * Where a list is not zero.
 *
 * @param count - The name of how many there are: a size that is known only when the graph runs.
 * @returns int64 [count], rising.
 */
export function positions(graph: GraphBuilder, list: Value, count: Dimension): Value {
  expectList(graph, list);
  const found = graph.single('NonZero', [list], { type: 'int64', shape: [1, count] });
  const axis = graph.constant([0], 'int64');
  return graph.single('Squeeze', [found, axis], { type: 'int64', shape: [count] });
}

/** The sum of each element of a list and all before it. */
export function cumulativeSum(graph: GraphBuilder, list: Value): Value {
  expectList(graph, list);
  return graph.single('CumSum', [list, graph.scalar(0, 'int64')], list);
}

/** The numbers 1, 2, 3, … up to `last`: int64 [last]. */
export function count(graph: GraphBuilder, last: Dimension): Value {
  const one = graph.scalar(1, 'int64');
  const length = graph.single('Squeeze', [graph.shapeTensor([last])], { type: 'int64', shape: [] });
  const bounds = [one, add(graph, length, one), one];
  return graph.single('Range', bounds, { type: 'int64', shape: [last] });
}

/** A list with its element at `indices[i]` made `updates[i]` where that is smaller; of several the smallest. */
export function lowerAt(graph: GraphBuilder, list: Value, indices: Value, updates: Value): Value {
  expectList(graph, list);
  return graph.single('ScatterElements', [list, indices, updates], list, { attributes: { reduction: 'min' } });
}

/** The smallest or largest along the first axis, which goes. */
export function reduceFirst(graph: GraphBuilder, operator: 'ReduceMin' | 'ReduceMax', x: Value): Value {
  const axes = graph.constant([0], 'int64');
  const result = { type: x.type, shape: x.shape.slice(1) };
  return graph.single(operator, [x, axes], result, { attributes: { keepdims: 0n } });
}

/** All numbers of a tensor one after the other. */
export function flatten(graph: GraphBuilder, x: Value): Value {
  const shape = [elementCount(x.shape)];
  return graph.single('Reshape', [x, graph.constant([-1], 'int64')], { type: x.type, shape });
}

function expectList(graph: GraphBuilder, list: Value): void {
  graph.expect(list.shape.length === 1, () => `a list has one axis, not the shape ${shapeText(list.shape)}`);
}

import { symbol } from '../onnx/dimension.js';
import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import {
  add,
  cast,
  compare,
  logical,
  minimum,
  multiply,
  subtract,
  unary,
  where,
} from '../onnx/operators/elementwise.js';
import { count, cumulativeSum, flatten, gather, lowerAt, positions, reduceFirst } from '../onnx/operators/indexing.js';
import { repeat } from '../onnx/operators/loop.js';
import { concatenate, expand, pad, reshape } from '../onnx/operators/shape.js';

/** Larger than every label. (onnxruntime 1.30's Min of int64 on the CPU is wrong from 2 ** 31 on.) */
const never = 2 ** 30;
const strongLabel = 1;

/**
 * The pixels of `weak` that a chain of such pixels, each beside or diagonal to the next, links to one of `strong`.
 *
 * A chain may wind through the whole picture, so spreading pixel by pixel would take hundreds of passes over it. Instead
 * the weak pixels, a few in a hundred, become the nodes of a graph, and its connected parts are found by labels that
 * sink: every node takes the smallest label around it, gives it to the node that its own label names, and jumps to the label of
 * its label. (The scheme of "FastSV", Zhang, Azad and Hu 2020.) The number of passes grows with the logarithm of a chain's
 * length: five to eight on photographs.
 *
 * @param weak - bool [1, 1, height, width].
 * @param strong - Of the same shape; pixels that are weak too.
 */
export function linked(graph: GraphBuilder, weak: Value, strong: Value): Value {
  return graph.scope('hysteresis', () => {
    const nodes = nodeNumbers(graph, weak, strong);
    const labels = sunkenLabels(graph, neighbours(graph, nodes));
    // All strong pixels are one node, and its label is the smallest.
    const label = gather(graph, labels, flatten(graph, nodes));
    return reshape(graph, compare(graph, 'Equal', label, strongLabel), weak.shape);
  });
}

/** int32 [1, 1, height, width]: 0 where there is nothing, 1 where a pixel is strong, 2, 3, … where it is only weak. */
function nodeNumbers(graph: GraphBuilder, weak: Value, strong: Value): Value {
  const undecided = logical(graph, 'And', weak, unary(graph, 'Not', strong));
  const serial = cumulativeSum(graph, flatten(graph, cast(graph, undecided, 'int32')));
  const numbered = reshape(graph, add(graph, serial, strongLabel), weak.shape);
  const none = graph.scalar(0, 'int32');
  return where(graph, strong, graph.scalar(strongLabel, 'int32'), where(graph, undecided, numbered, none));
}

/** The numbers of the eight pixels around each undecided one: int32 [8, undecided]. */
function neighbours(graph: GraphBuilder, nodes: Value): Value {
  const undecided = symbol('undecided');
  const framed = pad(graph, nodes, [1, 1, 1, 1]);
  const list = flatten(graph, framed);
  const middle = positions(graph, compare(graph, 'Greater', list, strongLabel), undecided);
  const stride = graph.shapeTensor([framed.shape[3] ?? NaN]);
  const rows = graph.constant([-1, -1, -1, 0, 0, 1, 1, 1], 'int64', [8, 1]);
  const columns = graph.constant([-1, 0, 1, -1, 1, -1, 0, 1], 'int64', [8, 1]);
  const offsets = add(graph, multiply(graph, rows, stride), columns);
  return gather(graph, list, add(graph, offsets, expand(graph, middle, [1, undecided])));
}

/** The smallest label that reaches each node, by its number: int64 [nodes]. */
function sunkenLabels(graph: GraphBuilder, around: Value): Value {
  const nobody = graph.constant([never], 'int64');
  const strong = graph.constant([strongLabel], 'int64');
  const undecided = add(graph, count(graph, around.shape[1] ?? NaN), strongLabel);
  const first = concatenate(graph, [strong, undecided], 0);
  const sunken = repeat(graph, first, (labels) => {
    const table = concatenate(graph, [nobody, labels], 0);
    const lowest = concatenate(graph, [strong, reduceFirst(graph, 'ReduceMin', gather(graph, table, around))], 0);
    const own = minimum(graph, lowest, labels);
    // The label of node n is at n - 1.
    const hooked = lowerAt(graph, own, subtract(graph, labels, 1), own);
    const next = gather(graph, hooked, subtract(graph, hooked, 1));
    const moved = reduceFirst(graph, 'ReduceMax', subtract(graph, labels, next));
    return { state: next, again: compare(graph, 'Greater', moved, 0) };
  });
  return concatenate(graph, [nobody, sunken], 0);
}

import { multiply, shapeText, type Shape } from '../dimension.js';
import { expectEqual, type GraphBuilder, type Value } from '../graph-builder.js';
import { broadcast } from './elementwise.js';

/** Matrix product of the last two axes; axes before them go together by numpy's rules. */
export function matrixMultiply(graph: GraphBuilder, a: Value, b: Value): Value {
  const rows = a.shape.at(-2);
  const inner = a.shape.at(-1);
  const innerOfB = b.shape.at(-2);
  const columns = b.shape.at(-1);
  if (rows === undefined || inner === undefined || innerOfB === undefined || columns === undefined) {
    throw graph.fault(`a matrix product takes matrices, not ${shapeText(a.shape)} and ${shapeText(b.shape)}`);
  }
  expectEqual(graph, innerOfB, inner, `the number of rows of ${shapeText(b.shape)}`);
  graph.expect(a.type === b.type, () => `a matrix product takes two values of one type, not ${a.type} and ${b.type}`);
  const leading = broadcast(graph, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape: Shape = [...leading, rows, columns];
  return graph.single('MatMul', [a, b], { type: a.type, shape }, { multiplications: multiply(...shape, inner) });
}

/**
 * A linear layer: x · weightᵀ + bias.
 *
 * @param x - [tokens, in].
 * @param weight - [out, in], as torch.nn.Linear keeps it.
 * @param bias - [out].
 */
export function linear(graph: GraphBuilder, x: Value, weight: Value, bias?: Value): Value {
  const [tokens, width, ...more] = x.shape;
  const [out, into] = weight.shape;
  if (tokens === undefined || width === undefined || more.length > 0 || out === undefined || into === undefined) {
    throw graph.fault(`a linear layer takes [tokens, in], not ${shapeText(x.shape)}`);
  }
  expectEqual(graph, width, into, `the width of ${shapeText(x.shape)}`);
  if (bias !== undefined) {
    expectEqual(graph, bias.shape[0] ?? 0, out, 'the length of the bias');
  }
  graph.expect(x.type === weight.type, () => `weights are ${weight.type}, the tokens ${x.type}`);
  const result = { type: x.type, shape: [tokens, out] };
  return graph.single('Gemm', [x, weight, bias], result, {
    attributes: { transB: 1n },
    multiplications: multiply(tokens, out, into),
  });
}

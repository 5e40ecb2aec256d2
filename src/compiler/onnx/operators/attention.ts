import { equal, multiply, shapeText } from '../dimension.js';
import { contribDomain, type GraphBuilder, type Value } from '../graph-builder.js';

/**
 * Scaled dot-product attention of several heads: softmax(q·kᵀ / sqrt(head size))·v.
 *
 * Written as onnxruntime's own operator, which the CPU, CUDA, DirectML and WebGPU providers have: the matrix of scores,
 * a third of a gigabyte at 64x64 tokens, is never made as a whole.
 *
 * @param query - [1, tokens, heads · head size].
 * @param key - [1, other tokens, heads · head size].
 * @param value - As `key`.
 * @param options - `causal`: a token looks only at itself and at those before it.
 */
export function attention(
  graph: GraphBuilder,
  query: Value,
  key: Value,
  value: Value,
  heads: number,
  { causal = false } = {},
): Value {
  const [batch = NaN, tokens = NaN, width = NaN] = query.shape;
  const [, otherTokens = NaN, keyWidth = NaN] = key.shape;
  graph.expect(
    [query, key, value].every(({ shape }) => shape.length === 3) &&
      equal(keyWidth, width) &&
      equal(value.shape[1] ?? NaN, otherTokens) &&
      typeof width === 'number' &&
      width % heads === 0,
    () =>
      `attention of ${heads} heads can't be made of ${[query, key, value].map((v) => shapeText(v.shape)).join(', ')}`,
  );
  return graph.single('MultiHeadAttention', [query, key, value], query, {
    domain: contribDomain,
    attributes: { num_heads: BigInt(heads), unidirectional: causal ? 1n : undefined },
    multiplications: multiply(batch, tokens, otherTokens, width, 2),
  });
}

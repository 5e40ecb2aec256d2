import { multiply } from '../../onnx/dimension.js';
import type { Value } from '../../onnx/graph-builder.js';
import { attention } from '../../onnx/operators/attention.js';
import { add, cast } from '../../onnx/operators/elementwise.js';
import { reshape, transpose } from '../../onnx/operators/shape.js';
import { channelsOf, type ConstantTokens, type Module, widthOf } from './module.js';

/**
 * diffusers.models.attention_processor.Attention inside a transformer: every token looks at every other.
 *
 * @param x - [tokens, width].
 */
export function selfAttention(module: Module, x: Value, heads: number): Value {
  const width = widthOf(module.graph, x);
  const query = module.linear('to_q', x, width, { bias: false });
  const key = module.linear('to_k', x, width, { bias: false });
  const value = module.linear('to_v', x, width, { bias: false });
  return module.linear('to_out.0', attend(module, query, key, value, heads), width);
}

/**
 * The same, looking at the words of a prompt that is known at compile time: their keys and values are constants.
 *
 * @param prompt - Embedding of the prompt, a row a word.
 */
export function crossAttention(module: Module, x: Value, prompt: ConstantTokens, heads: number): Value {
  const width = widthOf(module.graph, x);
  const query = module.linear('to_q', x, width, { bias: false });
  const key = module.foldedLinear('to_k', prompt, width);
  const value = module.foldedLinear('to_v', prompt, width);
  return module.linear('to_out.0', attend(module, query, key, value, heads), width);
}

/**
 * The attention of the autoencoder's middle: one head over the whole picture, with a normalisation before and the picture
 * added after. In float32 always: its one head is 512 wide, and products of so many large activations pass 65504.
 *
 * @param picture - [1, channels, height, width].
 */
export function pictureAttention(module: Module, picture: Value, groups: number, epsilon: number): Value {
  const { graph } = module;
  const precise = module.inFloat32();
  const channels = channelsOf(graph, picture);
  const normal = precise.groupNorm('group_norm', cast(graph, picture, 'float32'), groups, epsilon);
  const tokens = toTokens(precise, normal);
  const query = precise.linear('to_q', tokens, channels);
  const key = precise.linear('to_k', tokens, channels);
  const value = precise.linear('to_v', tokens, channels);
  const hidden = precise.linear('to_out.0', attend(precise, query, key, value, 1), channels);
  return add(graph, toPicture(module, cast(graph, hidden, module.type), picture), picture);
}

/** [1, channels, height, width] as [height · width, channels]. */
export function toTokens({ graph }: Module, picture: Value): Value {
  const [, channels = NaN, height = NaN, width = NaN] = picture.shape;
  return reshape(graph, transpose(graph, picture, [0, 2, 3, 1]), [multiply(height, width), channels]);
}

/** The way back, to the size of `like`. */
export function toPicture({ graph }: Module, tokens: Value, like: Value): Value {
  const [, , height = NaN, width = NaN] = like.shape;
  return transpose(graph, reshape(graph, tokens, [1, height, width, tokens.shape[1] ?? NaN]), [0, 3, 1, 2]);
}

function attend({ graph }: Module, query: Value, key: Value, value: Value, heads: number): Value {
  const batched = [query, key, value].map((tokens) => reshape(graph, tokens, [1, ...tokens.shape]));
  const [q = query, k = key, v = value] = batched;
  return reshape(graph, attention(graph, q, k, v, heads), query.shape);
}

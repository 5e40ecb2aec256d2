import type { Value } from '../../onnx/graph-builder.js';
import { add, gelu, multiply } from '../../onnx/operators/elementwise.js';
import { split } from '../../onnx/operators/shape.js';
import { crossAttention, selfAttention, toPicture, toTokens } from './attention.js';
import { channelsOf, type ConstantTokens, type Module, widthOf } from './module.js';

export interface TransformerOptions {
  readonly heads: number;
  /** Number of BasicTransformerBlocks. */
  readonly layers: number;
  readonly groups: number;
  /** Whether proj_in and proj_out are linear layers (Stable Diffusion 2) or 1x1 convolutions (1). */
  readonly useLinearProjection: boolean;
  /** Embedding of the prompt. */
  readonly prompt: ConstantTokens;
}

/** diffusers.models.transformers.transformer_2d.Transformer2DModel on a picture. */
export function transformer2DModel(module: Module, picture: Value, options: TransformerOptions): Value {
  const { graph } = module;
  const { heads, layers, groups, useLinearProjection, prompt } = options;
  const channels = channelsOf(graph, picture);
  const normal = module.groupNorm('norm', picture, groups, 1e-6);

  let tokens = useLinearProjection
    ? module.linear('proj_in', toTokens(module, normal), channels)
    : toTokens(module, module.conv2d('proj_in', normal, channels, { kernel: 1 }));
  for (let i = 0; i < layers; i++) {
    tokens = module.child(`transformer_blocks.${i}`, (block) => basicTransformerBlock(block, tokens, heads, prompt));
  }
  const hidden = useLinearProjection
    ? toPicture(module, module.linear('proj_out', tokens, channels), picture)
    : module.conv2d('proj_out', toPicture(module, tokens, picture), channels, { kernel: 1 });
  return add(graph, hidden, picture);
}

/** diffusers.models.attention.BasicTransformerBlock. */
function basicTransformerBlock(module: Module, input: Value, heads: number, prompt: ConstantTokens): Value {
  const { graph } = module;
  let tokens = input;
  let normal = module.layerNorm('norm1', tokens);
  tokens = add(
    graph,
    module.child('attn1', (attention) => selfAttention(attention, normal, heads)),
    tokens,
  );
  normal = module.layerNorm('norm2', tokens);
  tokens = add(
    graph,
    module.child('attn2', (attention) => crossAttention(attention, normal, prompt, heads)),
    tokens,
  );
  normal = module.layerNorm('norm3', tokens);
  return add(
    graph,
    module.child('ff', (forward) => feedForward(forward, normal)),
    tokens,
  );
}

/** diffusers.models.attention.FeedForward with GEGLU: four times as wide inside. */
function feedForward(module: Module, tokens: Value): Value {
  const { graph } = module;
  const width = widthOf(graph, tokens);
  const [hidden = tokens, gate = tokens] = split(graph, module.linear('net.0.proj', tokens, 8 * width), 1, 2);
  return module.linear('net.2', multiply(graph, hidden, gelu(graph, gate)), width);
}

import { z } from 'zod';

import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { attention } from '../onnx/operators/attention.js';
import { add, gelu, multiply, unary } from '../onnx/operators/elementwise.js';
import { gather } from '../onnx/operators/indexing.js';
import { reshape } from '../onnx/operators/shape.js';
import { Module, type NetworkSource, widthOf } from './layers/module.js';

/** What a text encoder's `config.json` says of its shape; other keys of it don't count here. */
export const clipTextConfiguration = z.object({
  vocab_size: z.number().int().positive(),
  max_position_embeddings: z.number().int().positive(),
  hidden_size: z.number().int().positive(),
  intermediate_size: z.number().int().positive(),
  num_hidden_layers: z.number().int().nonnegative(),
  num_attention_heads: z.number().int().positive(),
  hidden_act: z.enum(['gelu', 'quick_gelu']),
  layer_norm_eps: z.number().positive().default(1e-5),
});

/** Shape of a CLIP text encoder. SD-Turbo's is OpenCLIP's ViT-H without its last layer: 23 layers, 1024 wide, 16 heads. */
export type ClipTextConfiguration = z.infer<typeof clipTextConfiguration>;

/** text_encoder/config.json of stabilityai/sd-turbo. */
export const sdTurboTextEncoder: ClipTextConfiguration = {
  vocab_size: 49408,
  max_position_embeddings: 77,
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 23,
  num_attention_heads: 16,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-5,
};

/**
 * transformers.CLIPTextModel: the last hidden state, after the final normalisation.
 *
 * @param ids - int64 [tokens], as many as there are positions.
 * @returns [tokens, hidden size].
 */
export function clipTextEncoder(
  graph: GraphBuilder,
  source: NetworkSource,
  configuration: ClipTextConfiguration,
  ids: Value,
): Value {
  let hidden = clipTextEmbeddings(graph, source, configuration, ids);
  for (let layer = 0; layer < configuration.num_hidden_layers; layer++) {
    hidden = clipEncoderLayer(graph, source, configuration, layer, hidden);
  }
  return clipFinalLayerNorm(graph, source, configuration, hidden);
}

/** CLIPTextEmbeddings: what a token means, and where it stands. */
export function clipTextEmbeddings(
  graph: GraphBuilder,
  source: NetworkSource,
  { vocab_size, max_position_embeddings, hidden_size }: ClipTextConfiguration,
  ids: Value,
): Value {
  return inTextModel(graph, source, (model) =>
    model.child('embeddings', (embeddings) => {
      const tokens = embeddings.child('token_embedding', (table) =>
        gather(graph, table.parameter('weight', [vocab_size, hidden_size]), ids),
      );
      const positions = embeddings.child('position_embedding', (table) =>
        table.parameter('weight', [max_position_embeddings, hidden_size]),
      );
      return add(graph, tokens, positions);
    }),
  );
}

/** CLIPEncoderLayer `index`. */
export function clipEncoderLayer(
  graph: GraphBuilder,
  source: NetworkSource,
  configuration: ClipTextConfiguration,
  index: number,
  hidden: Value,
): Value {
  const { layer_norm_eps: epsilon, num_attention_heads: heads } = configuration;
  return inTextModel(graph, source, (model) =>
    model.child(`encoder.layers.${index}`, (layer) => {
      const first = layer.layerNorm('layer_norm1', hidden, epsilon);
      const attended = add(
        graph,
        hidden,
        layer.child('self_attn', (module) => causalAttention(module, first, heads)),
      );
      const second = layer.layerNorm('layer_norm2', attended, epsilon);
      return add(
        graph,
        attended,
        layer.child('mlp', (module) => perceptron(module, second, configuration)),
      );
    }),
  );
}

/** The normalisation after the last layer. */
export function clipFinalLayerNorm(
  graph: GraphBuilder,
  source: NetworkSource,
  { layer_norm_eps: epsilon }: ClipTextConfiguration,
  hidden: Value,
): Value {
  return inTextModel(graph, source, (model) => model.layerNorm('final_layer_norm', hidden, epsilon));
}

function inTextModel(graph: GraphBuilder, source: NetworkSource, build: (model: Module) => Value): Value {
  return new Module(graph, source).child('text_model', build);
}

/** CLIPAttention: a token looks at itself and at those before it, padding included. */
function causalAttention(module: Module, x: Value, heads: number): Value {
  const { graph } = module;
  const width = widthOf(graph, x);
  const batched = (name: string) => reshape(graph, module.linear(name, x, width), [1, ...x.shape]);
  const attended = attention(graph, batched('q_proj'), batched('k_proj'), batched('v_proj'), heads, { causal: true });
  return module.linear('out_proj', reshape(graph, attended, x.shape), width);
}

/** CLIPMLP. */
function perceptron(module: Module, x: Value, { intermediate_size, hidden_act }: ClipTextConfiguration): Value {
  const { graph } = module;
  const inner = module.linear('fc1', x, intermediate_size);
  const active =
    hidden_act === 'gelu'
      ? gelu(graph, inner)
      : multiply(graph, inner, unary(graph, 'Sigmoid', multiply(graph, inner, 1.702)));
  return module.linear('fc2', active, widthOf(graph, x));
}

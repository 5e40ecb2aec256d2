import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { silu } from '../onnx/operators/elementwise.js';
import { concatenate } from '../onnx/operators/shape.js';
import { channelsOf, type ConstantTokens, Module, type NetworkSource } from './layers/module.js';
import { downsample2D, upsample2D } from './layers/resampling.js';
import { resnetBlock2D } from './layers/resnet-block-2d.js';
import { transformer2DModel } from './layers/transformer-2d-model.js';
import { timeEmbedding } from './time-embedding.js';

/** unet/config.json of diffusers' UNet2DConditionModel: what of it shapes the network. */
export interface UNet2DConditionConfiguration {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly block_out_channels: readonly number[];
  readonly layers_per_block: number;
  readonly down_block_types: readonly ('CrossAttnDownBlock2D' | 'DownBlock2D')[];
  readonly up_block_types: readonly ('CrossAttnUpBlock2D' | 'UpBlock2D')[];
  /** In diffusers, despite its name, the number of heads: one for all blocks or one a block. */
  readonly attention_head_dim: number | readonly number[];
  readonly cross_attention_dim: number;
  readonly transformer_layers_per_block: number;
  readonly use_linear_projection: boolean;
  readonly norm_num_groups: number;
  readonly norm_eps: number;
  readonly flip_sin_to_cos: boolean;
  readonly freq_shift: number;
}

/** unet/config.json of stabilityai/sd-turbo. */
export const sdTurboUNet: UNet2DConditionConfiguration = {
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [320, 640, 1280, 1280],
  layers_per_block: 2,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  attention_head_dim: [5, 10, 20, 20],
  cross_attention_dim: 1024,
  transformer_layers_per_block: 1,
  use_linear_projection: true,
  norm_num_groups: 32,
  norm_eps: 1e-5,
  flip_sin_to_cos: true,
  freq_shift: 0,
};

/** What is the same for every picture. */
export interface UNetConstants {
  /** The step at which the network is run. */
  readonly timestep: number;
  /** Embedding of the prompt: [words, cross_attention_dim]. */
  readonly prompt: ConstantTokens;
}

/** Replaces conv_in, for networks that have another one there. */
export type ConvIn = (module: Module, latent: Value, out: number) => Value;

const plainConvIn: ConvIn = (module, latent, out) => module.conv2d('conv_in', latent, out, { padding: 1 });

/**
 * UNet2DConditionModel.forward, run at one step for one prompt.
 *
 * @param latent - [1, in_channels, height, width]; any size, as in diffusers.
 * @returns What the network predicts, of the latent's size.
 */
export function unet2DCondition(
  graph: GraphBuilder,
  source: NetworkSource,
  configuration: UNet2DConditionConfiguration,
  latent: Value,
  { timestep, prompt }: UNetConstants,
  convIn: ConvIn = plainConvIn,
): Value {
  const unet = new Module(graph, source);
  const { block_out_channels: channels, layers_per_block: layers, norm_num_groups: groups } = configuration;
  graph.expect(
    prompt.width === configuration.cross_attention_dim,
    () => `the prompt's embedding is ${prompt.width} wide; this network takes ${configuration.cross_attention_dim}`,
  );
  const blocks = { groups, epsilon: configuration.norm_eps, time: timeEmbedding(unet, configuration, timestep) };
  const headsOf = (block: number): number => {
    const { attention_head_dim: heads } = configuration;
    return typeof heads === 'number' ? heads : (heads[block] ?? 1);
  };
  const attentionOf = (block: number) => ({
    heads: headsOf(block),
    layers: configuration.transformer_layers_per_block,
    groups,
    useLinearProjection: configuration.use_linear_projection,
    prompt,
  });

  let hidden = convIn(unet, latent, channels[0] ?? 0);
  const residuals = [hidden];
  configuration.down_block_types.forEach((type, i) => {
    const out = channels[i] ?? 0;
    unet.child(`down_blocks.${i}`, (block) => {
      for (let j = 0; j < layers; j++) {
        hidden = block.child(`resnets.${j}`, (resnet) => resnetBlock2D(resnet, hidden, out, blocks));
        if (type === 'CrossAttnDownBlock2D') {
          hidden = block.child(`attentions.${j}`, (module) => transformer2DModel(module, hidden, attentionOf(i)));
        }
        residuals.push(hidden);
      }
      if (i < channels.length - 1) {
        hidden = block.child('downsamplers.0', (down) => downsample2D(down, hidden, 1));
        residuals.push(hidden);
      }
    });
  });

  unet.child('mid_block', (block) => {
    const out = channelsOf(graph, hidden);
    hidden = block.child('resnets.0', (resnet) => resnetBlock2D(resnet, hidden, out, blocks));
    const attention = attentionOf(channels.length - 1);
    hidden = block.child('attentions.0', (module) => transformer2DModel(module, hidden, attention));
    hidden = block.child('resnets.1', (resnet) => resnetBlock2D(resnet, hidden, out, blocks));
  });

  configuration.up_block_types.forEach((type, i) => {
    const mirrored = channels.length - 1 - i;
    const out = channels[mirrored] ?? 0;
    unet.child(`up_blocks.${i}`, (block) => {
      for (let j = 0; j <= layers; j++) {
        const residual = residuals.pop();
        if (residual === undefined) {
          throw graph.fault('there are more up blocks than down blocks');
        }
        const joined = concatenate(graph, [hidden, residual], 1);
        hidden = block.child(`resnets.${j}`, (resnet) => resnetBlock2D(resnet, joined, out, blocks));
        if (type === 'CrossAttnUpBlock2D') {
          hidden = block.child(`attentions.${j}`, (module) =>
            transformer2DModel(module, hidden, attentionOf(mirrored)),
          );
        }
      }
      // Halving rounds up, so that doubling may be one too many: the size is that of what is joined next.
      const [, , height, width] = residuals.at(-1)?.shape ?? [];
      if (i < channels.length - 1 && height !== undefined && width !== undefined) {
        hidden = block.child('upsamplers.0', (up) => upsample2D(up, hidden, [height, width]));
      }
    });
  });

  hidden = silu(graph, unet.groupNorm('conv_norm_out', hidden, groups, configuration.norm_eps));
  return unet.conv2d('conv_out', hidden, configuration.out_channels, { padding: 1 });
}

import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { add, clip, cast, multiply, silu, unary } from '../onnx/operators/elementwise.js';
import { split } from '../onnx/operators/shape.js';
import { channelsOf, Module, type NetworkSource } from './layers/module.js';
import { pictureAttention } from './layers/attention.js';
import { downsample2D, upsample2D } from './layers/resampling.js';
import { resnetBlock2D } from './layers/resnet-block-2d.js';

/** vae/config.json of diffusers' AutoencoderKL: what of it shapes the network. */
export interface AutoencoderKLConfiguration {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly latent_channels: number;
  readonly block_out_channels: readonly number[];
  readonly layers_per_block: number;
  readonly norm_num_groups: number;
  readonly scaling_factor: number;
}

/** vae/config.json of stabilityai/sd-turbo. */
export const sdTurboAutoencoder: AutoencoderKLConfiguration = {
  in_channels: 3,
  out_channels: 3,
  latent_channels: 4,
  block_out_channels: [128, 256, 512, 512],
  layers_per_block: 2,
  norm_num_groups: 32,
  scaling_factor: 0.18215,
};

/** How a latent is taken from the distribution that the encoder gives. */
export type Posterior = (graph: GraphBuilder, mean: Value, logVariance: Value) => Value;

/** The most likely latent: the same picture always gives the same. */
export const mode: Posterior = (_graph, mean) => mean;

/**
 * A latent drawn with the given standard normal numbers.
 *
 * @param noise - float32, of the latent's shape.
 */
export function sample(noise: Value): Posterior {
  return (graph, mean, logVariance) => {
    // In float32: exp(10), which the clamp allows, squared is beyond half precision's 65504.
    const deviation = unary(
      graph,
      'Exp',
      multiply(graph, clip(graph, cast(graph, logVariance, 'float32'), -30, 20), 0.5),
    );
    return add(graph, cast(graph, mean, 'float32'), multiply(graph, deviation, noise));
  };
}

/** What the encoder gives. */
export interface Encoded {
  /** [1, latent channels, height / 8, width / 8], scaled by scaling_factor. */
  readonly latent: Value;
  /** What entered each of the down blocks, the first first. */
  readonly activations: readonly Value[];
}

const epsilon = 1e-6;

/**
 * AutoencoderKL.encode: encoder, quant_conv, and a latent taken from the posterior.
 *
 * @param picture - [1, 3, height, width], -1 to 1; height and width multiples of 8.
 */
export function encodeAutoencoderKL(
  graph: GraphBuilder,
  source: NetworkSource,
  configuration: AutoencoderKLConfiguration,
  picture: Value,
  posterior: Posterior = mode,
): Encoded {
  const vae = new Module(graph, source);
  const { latent_channels: latentChannels, scaling_factor: scale } = configuration;
  const { moments, activations } = vae.child('encoder', (module) => encoder(module, configuration, picture));
  const quantised = vae.has('quant_conv.weight')
    ? vae.conv2d('quant_conv', moments, 2 * latentChannels, { kernel: 1 })
    : moments;
  const [mean = quantised, logVariance = quantised] = split(graph, quantised, 1, 2);
  return { latent: multiply(graph, posterior(graph, mean, logVariance), scale), activations };
}

/**
 * AutoencoderKL.decode of a scaled latent.
 *
 * @param latent - As {@link Encoded.latent}.
 * @param skip - What the encoder's activations bring into the decoder's up blocks; nothing where left out.
 * @returns [1, 3, height, width], about -1 to 1.
 */
export function decodeAutoencoderKL(
  graph: GraphBuilder,
  source: NetworkSource,
  configuration: AutoencoderKLConfiguration,
  latent: Value,
  skip?: Skip,
): Value {
  const vae = new Module(graph, source);
  const unscaled = multiply(graph, latent, 1 / configuration.scaling_factor);
  const hidden = vae.has('post_quant_conv.weight')
    ? vae.conv2d('post_quant_conv', unscaled, configuration.latent_channels, { kernel: 1 })
    : unscaled;
  return vae.child('decoder', (module) => decoder(module, configuration, hidden, skip));
}

/** Skip connections from the encoder to the decoder, as img2img-turbo adds them: `decoder.skip_conv_1` to `_4`. */
export interface Skip {
  readonly activations: readonly Value[];
  /** What the activations are multiplied by: float32 [1]; 1 where left out. */
  readonly gamma?: Value | undefined;
}

function encoder(module: Module, configuration: AutoencoderKLConfiguration, picture: Value) {
  const { block_out_channels: channels, layers_per_block: layers, norm_num_groups: groups } = configuration;
  const { graph } = module;
  const activations: Value[] = [];
  let hidden = module.conv2d('conv_in', picture, channels[0] ?? 0, { padding: 1 });
  channels.forEach((out, i) => {
    activations.push(hidden);
    hidden = module.child(`down_blocks.${i}`, (block) => {
      let x = hidden;
      for (let j = 0; j < layers; j++) {
        x = block.child(`resnets.${j}`, (resnet) => resnetBlock2D(resnet, x, out, { groups, epsilon }));
      }
      return i === channels.length - 1 ? x : block.child('downsamplers.0', (down) => downsample2D(down, x, 0));
    });
  });
  hidden = module.child('mid_block', (block) => midBlock(block, hidden, groups));
  hidden = silu(graph, module.groupNorm('conv_norm_out', hidden, groups, epsilon));
  const moments = module.conv2d('conv_out', hidden, 2 * configuration.latent_channels, { padding: 1 });
  return { moments, activations };
}

function decoder(module: Module, configuration: AutoencoderKLConfiguration, latent: Value, skip?: Skip): Value {
  const { layers_per_block: layers, norm_num_groups: groups } = configuration;
  const { graph } = module;
  const channels = [...configuration.block_out_channels].reverse();
  let hidden = module.conv2d('conv_in', latent, channels[0] ?? 0, { padding: 1 });
  hidden = module.child('mid_block', (block) => midBlock(block, hidden, groups));
  channels.forEach((out, i) => {
    if (skip !== undefined) {
      hidden = add(graph, hidden, skipConnection(module, hidden, skip, i));
    }
    hidden = module.child(`up_blocks.${i}`, (block) => {
      let x = hidden;
      for (let j = 0; j <= layers; j++) {
        x = block.child(`resnets.${j}`, (resnet) => resnetBlock2D(resnet, x, out, { groups, epsilon }));
      }
      return i === channels.length - 1 ? x : block.child('upsamplers.0', (up) => upsample2D(up, x));
    });
  });
  hidden = silu(graph, module.groupNorm('conv_norm_out', hidden, groups, epsilon));
  return module.conv2d('conv_out', hidden, configuration.out_channels, { padding: 1 });
}

/** What enters up block `i`, from the encoder: the deepest activation first. */
function skipConnection(module: Module, hidden: Value, { activations, gamma }: Skip, i: number): Value {
  const { graph } = module;
  const activation = activations.at(-1 - i);
  if (activation === undefined) {
    throw graph.fault(`there are ${activations.length} activations, none for up block ${i}`);
  }
  const skip = module.conv2d(`skip_conv_${i + 1}`, activation, channelsOf(graph, hidden), { kernel: 1, bias: false });
  // A 1x1 convolution without bias: the factor may as well come after it, where it is done on fewer channels or as many.
  return gamma === undefined ? skip : multiply(graph, skip, cast(graph, gamma, skip.type));
}

function midBlock(module: Module, input: Value, groups: number): Value {
  const channels = channelsOf(module.graph, input);
  const options = { groups, epsilon };
  let hidden = module.child('resnets.0', (resnet) => resnetBlock2D(resnet, input, channels, options));
  hidden = module.child('attentions.0', (attention) => pictureAttention(attention, hidden, groups, epsilon));
  return module.child('resnets.1', (resnet) => resnetBlock2D(resnet, hidden, channels, options));
}

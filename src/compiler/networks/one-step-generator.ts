import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { clip } from '../onnx/operators/elementwise.js';
import {
  type AutoencoderKLConfiguration,
  decodeAutoencoderKL,
  encodeAutoencoderKL,
  mode,
  type Posterior,
  sample,
} from './autoencoder-kl.js';
import { type DDPMSchedulerConfiguration, lastTimestep, oneStep } from './ddpm-scheduler.js';
import type { ConstantTokens, NetworkSource } from './layers/module.js';
import { noiseMap } from './noise-map.js';
import { type ConvIn, unet2DCondition, type UNet2DConditionConfiguration } from './unet-2d-condition.js';

/** The weights of a generator, a part a source. */
export interface GeneratorParts {
  readonly unet: NetworkSource;
  readonly vaeEncoder: NetworkSource;
  readonly vaeDecoder: NetworkSource;
}

/** The shapes of a generator: sd-turbo's, or a tiny one's. */
export interface GeneratorConfiguration {
  readonly unet: UNet2DConditionConfiguration;
  readonly vae: AutoencoderKLConfiguration;
  readonly scheduler: DDPMSchedulerConfiguration;
}

/** What a one-step generator is built from. */
export interface GeneratorOptions {
  readonly parts: GeneratorParts;
  readonly configuration: GeneratorConfiguration;
  /** Embedding of the prompt, which is the same for every frame. */
  readonly prompt: ConstantTokens;
  /** Default {@link mode}. */
  readonly posterior?: Posterior | undefined;
}

/** What a generator computes on its way, and at its end. */
export interface GeneratorStages {
  /** What enters the UNet. */
  readonly latent: Value;
  /** The noise that the UNet sees in it. */
  readonly prediction: Value;
  /** The latent without that noise. */
  readonly denoised: Value;
  /** [1, 3, height, width], clamped to -1 to 1. */
  readonly picture: Value;
}

/** What the stochastic form does otherwise. */
export interface GeneratorVariation {
  /** Changes the latent before it enters the UNet. */
  readonly mixLatent?: ((latent: Value) => Value) | undefined;
  readonly convIn?: ConvIn | undefined;
  /** Factor of the skip connections: float32 [1]. */
  readonly skipGamma?: Value | undefined;
}

/**
 * Encode, one step of the UNet, decode with skip connections: what CycleGAN-Turbo and pix2pix-Turbo have in common.
 *
 * @param picture - [1, 3, height, width] in the range that the generator was trained with.
 */
export function oneStepGenerator(
  graph: GraphBuilder,
  picture: Value,
  { parts, configuration, prompt, posterior = mode }: GeneratorOptions,
  { mixLatent = (latent) => latent, convIn, skipGamma: gamma }: GeneratorVariation = {},
): GeneratorStages {
  const { vae, scheduler } = configuration;
  const encoded = graph.scope('vae_encoder', () =>
    encodeAutoencoderKL(graph, parts.vaeEncoder, vae, picture, posterior),
  );
  const latent = mixLatent(encoded.latent);
  const constants = { timestep: lastTimestep(scheduler), prompt };
  const prediction = graph.scope('unet', () =>
    unet2DCondition(graph, parts.unet, configuration.unet, latent, constants, convIn),
  );
  const denoised = graph.scope('scheduler', () => oneStep(graph, scheduler, latent, prediction));
  const skip = { activations: encoded.activations, gamma };
  const decoded = graph.scope('vae_decoder', () => decodeAutoencoderKL(graph, parts.vaeDecoder, vae, denoised, skip));
  return { latent, prediction, denoised, picture: clip(graph, decoded, -1, 1) };
}

/** The posterior, sampled with a noise that is the same in every frame. */
export function seededSample(seed: number): Posterior {
  return (graph, mean, logVariance) => sample(noiseMap(graph, seed, mean))(graph, mean, logVariance);
}

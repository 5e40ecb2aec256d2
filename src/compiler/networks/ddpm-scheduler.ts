import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { cast, multiply, subtract } from '../onnx/operators/elementwise.js';

/** scheduler/scheduler_config.json of diffusers' DDPMScheduler: what of it enters a single step. */
export interface DDPMSchedulerConfiguration {
  readonly num_train_timesteps: number;
  readonly beta_start: number;
  readonly beta_end: number;
}

/** scheduler/scheduler_config.json of stabilityai/sd-turbo ("scaled_linear", "epsilon"). */
export const sdTurboScheduler: DDPMSchedulerConfiguration = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
};

/** The step at which one-step generators run: the noisiest. */
export function lastTimestep({ num_train_timesteps: steps }: DDPMSchedulerConfiguration): number {
  return steps - 1;
}

/** alphas_cumprod at the last step: what of the signal is left there. */
export function lastAlphaCumprod(configuration: DDPMSchedulerConfiguration): number {
  const { num_train_timesteps: steps, beta_start: first, beta_end: last } = configuration;
  let product = 1;
  for (let i = 0; i < steps; i++) {
    // "scaled_linear": the square roots of the betas are evenly spaced.
    const root = Math.sqrt(first) + ((Math.sqrt(last) - Math.sqrt(first)) * i) / (steps - 1);
    product *= 1 - root * root;
  }
  return product;
}

/**
 * DDPMScheduler.step as the only one: the picture without noise, given with noise and the noise predicted in it. What the
 * scheduler adds before a step "-1" has a deviation of 1e-10, that is, nothing.
 *
 * @returns float32: the division magnifies rounding fourteenfold.
 */
export function oneStep(
  graph: GraphBuilder,
  configuration: DDPMSchedulerConfiguration,
  latent: Value,
  prediction: Value,
): Value {
  const alpha = lastAlphaCumprod(configuration);
  const signal = multiply(graph, cast(graph, latent, 'float32'), 1 / Math.sqrt(alpha));
  return subtract(graph, signal, multiply(graph, cast(graph, prediction, 'float32'), Math.sqrt((1 - alpha) / alpha)));
}

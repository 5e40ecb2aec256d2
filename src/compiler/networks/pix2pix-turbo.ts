import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { add, cast, compare, multiply, subtract } from '../onnx/operators/elementwise.js';
import { transpose } from '../onnx/operators/shape.js';
import { type GeneratorOptions, type GeneratorStages, oneStepGenerator } from './one-step-generator.js';
import { toPicture } from './picture.js';
import type { ConvIn } from './unet-2d-condition.js';

/** Makes of a frame, uint8 [1, height, width, 3], what the generator was trained on: [1, 3, height, width], 0 to 1. */
export type Preparation = (graph: GraphBuilder, frame: Value) => Value;

/** The frame itself. */
export const asItIs: Preparation = (graph, frame) => toPicture(graph, frame, 0, 1, graph.floatType);

/** Dark strokes as white on black: what sketch-to-image was trained on. */
export const sketch: Preparation = (graph, frame) => {
  const levels = cast(graph, transpose(graph, frame, [0, 3, 1, 2]), 'float32');
  return cast(graph, compare(graph, 'Less', levels, 127.5), graph.floatType);
};

/** What the stochastic form takes at run time. */
export interface Stochastic {
  /** How closely the input is followed, 0 to 1: float32 [1], `r` in img2img-turbo. The adapters have it as strength. */
  readonly guidance: Value;
  /** Standard normal noise of the latent's shape, float32; made once the latent's shape is known. */
  readonly noise: (latent: Value) => Value;
}

/**
 * pix2pix-Turbo (`forward` of img2img-turbo's pix2pix_turbo.py); unlike CycleGAN-Turbo it takes pictures from 0 to 1.
 *
 * @param prepared - [1, 3, height, width], 0 to 1: what a {@link Preparation} gives.
 * @param stochastic - Of the stochastic form, whose UNet has a pair of first convolutions, and whose parts are to be given
 *   unmerged, with adapters of the strength `guidance`.
 */
export function pix2pixTurbo(
  graph: GraphBuilder,
  prepared: Value,
  options: GeneratorOptions,
  stochastic?: Stochastic,
): GeneratorStages {
  if (stochastic === undefined) {
    return oneStepGenerator(graph, prepared, options);
  }
  const { guidance, noise } = stochastic;
  const rest = subtract(graph, graph.constant([1], 'float32'), guidance);
  return oneStepGenerator(graph, prepared, options, {
    mixLatent: (latent) =>
      add(graph, multiply(graph, cast(graph, latent, 'float32'), guidance), multiply(graph, noise(latent), rest)),
    convIn: twinConvIn(guidance, rest),
    skipGamma: guidance,
  });
}

/** The first convolution as it was before training, and as it is after: (1 - r) of one and r of the other. */
export function twinConvIn(guidance: Value, rest: Value): ConvIn {
  return (module, latent, out) =>
    module.child('conv_in', (pair) => {
      const before = pair.conv2d('conv_in_pretrained', latent, out, { padding: 1 });
      const after = pair.conv2d('conv_in_curr', latent, out, { padding: 1 });
      return add(
        module.graph,
        multiply(module.graph, before, cast(module.graph, rest, before.type)),
        multiply(module.graph, after, cast(module.graph, guidance, after.type)),
      );
    });
}

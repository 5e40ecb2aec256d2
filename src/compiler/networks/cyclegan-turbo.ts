import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { type GeneratorOptions, type GeneratorStages, oneStepGenerator } from './one-step-generator.js';
import { toPicture } from './picture.js';

/**
 * CycleGAN-Turbo in one of its directions (`forward_with_networks` of img2img-turbo's cyclegan_turbo.py).
 *
 * @param frame - uint8 [1, height, width, 3].
 */
export function cycleGanTurbo(graph: GraphBuilder, frame: Value, options: GeneratorOptions): GeneratorStages {
  return oneStepGenerator(graph, toPicture(graph, frame, -1, 1, graph.floatType), options);
}

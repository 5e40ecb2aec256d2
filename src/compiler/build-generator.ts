import type { CycleGanTurboTensors, Pix2PixTurboTensors } from './checkpoint/turbo/open-turbo-checkpoint.js';
import type { LoraTensorSource } from './checkpoint/lora/merge.js';
import { mode } from './networks/autoencoder-kl.js';
import { cannyEdges } from './networks/canny.js';
import { cycleGanTurbo } from './networks/cyclegan-turbo.js';
import { Adapter } from './networks/layers/adapter.js';
import type { ConstantTokens, NetworkSource } from './networks/layers/module.js';
import { noiseMap, noiseShifts } from './networks/noise-map.js';
import { type GeneratorConfiguration, seededSample } from './networks/one-step-generator.js';
import { frameInput, frameOutput } from './networks/picture.js';
import { asItIs, pix2pixTurbo, type Preparation, sketch } from './networks/pix2pix-turbo.js';
import type { FloatType } from './onnx/element-type.js';
import { GraphBuilder, type Value } from './onnx/graph-builder.js';

/** What a pix2pix-Turbo is given: the frame itself, its edges white on black, or its dark strokes white on black. */
export type GeneratorInput = 'picture' | 'edges' | 'sketch';

/** A number that the graph takes beside the frame, as a manifest describes it. */
export interface GraphCondition {
  readonly kind: 'guidance' | 'seed';
  readonly input: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly default: number;
}

export interface BuildOptions {
  readonly configuration: GeneratorConfiguration;
  readonly prompt: ConstantTokens;
  readonly posterior: 'mode' | 'sample';
  readonly seed: number;
  /** Of a pix2pix-Turbo. Default: a sketch for a stochastic one, edges for another, as published. */
  readonly input?: GeneratorInput | undefined;
  readonly floatType: FloatType;
}

/** A graph from frame to frame, and the numbers it takes beside. */
export interface BuiltGenerator {
  readonly graph: GraphBuilder;
  readonly conditions: readonly GraphCondition[];
}

/** The authors' own guidance. */
const usualGuidance = 0.4;

const preparations: Readonly<Record<GeneratorInput, Preparation>> = { picture: asItIs, edges: cannyEdges, sketch };

/** The whole graph of a checkpoint: uint8 [1, height, width, 3] `frame` to `translated`. */
export async function buildGenerator(
  tensors: CycleGanTurboTensors | Pix2PixTurboTensors,
  { configuration, prompt, posterior, seed, input, floatType }: BuildOptions,
): Promise<BuiltGenerator> {
  const graph = new GraphBuilder(tensors.kind, floatType);
  const frame = frameInput(graph);
  const shared = { configuration, prompt, posterior: posterior === 'mode' ? mode : seededSample(seed) };
  if (tensors.kind === 'cyclegan-turbo') {
    frameOutput(graph, cycleGanTurbo(graph, frame, { ...shared, parts: mergedParts(tensors) }).picture);
    return { graph, conditions: [] };
  }
  const prepared = preparations[input ?? (tensors.stochastic ? 'sketch' : 'edges')](graph, frame);
  if (!tensors.stochastic) {
    frameOutput(graph, pix2pixTurbo(graph, prepared, { ...shared, parts: mergedParts(tensors) }).picture);
    return { graph, conditions: [] };
  }
  const guidance = graph.input('guidance', 'float32', [1]);
  const shift = graph.input('seed', 'float32', [1]);
  const parts = await adaptedParts(tensors, guidance);
  const noise = (latent: Value) => noiseMap(graph, seed, latent, shift);
  frameOutput(graph, pix2pixTurbo(graph, prepared, { ...shared, parts }, { guidance, noise }).picture);
  return {
    graph,
    conditions: [
      { kind: 'guidance', input: 'guidance', minimum: 0, maximum: 1, default: usualGuidance },
      { kind: 'seed', input: 'seed', minimum: 0, maximum: noiseShifts - 1, default: 0 },
    ],
  };
}

type Parts = Pick<Pix2PixTurboTensors, 'unet' | 'vaeEncoder' | 'vaeDecoder'>;

function mergedParts({ unet, vaeEncoder, vaeDecoder }: Parts) {
  return { unet: { weights: unet }, vaeEncoder: { weights: vaeEncoder }, vaeDecoder: { weights: vaeDecoder } };
}

async function adaptedParts({ unet, vaeEncoder, vaeDecoder }: Parts, strength: Value) {
  const adapted = async (source: LoraTensorSource): Promise<NetworkSource> => ({
    weights: source.unmerged,
    adapter: await Adapter.create(source, strength),
  });
  return {
    unet: await adapted(unet),
    vaeEncoder: await adapted(vaeEncoder),
    vaeDecoder: await adapted(vaeDecoder),
  };
}

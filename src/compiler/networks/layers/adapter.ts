import { requireTensor, type TensorSource, readTensor } from '../../checkpoint/tensor-source.js';
import type { Value } from '../../onnx/graph-builder.js';
import { convolution, type ConvolutionOptions } from '../../onnx/operators/convolution.js';
import { cast, multiply } from '../../onnx/operators/elementwise.js';
import { linear } from '../../onnx/operators/linear.js';
import { channelsOf, type ConstantTokens, type Module, multiplyTransposed, widthOf } from './module.js';

/** The low-rank matrices of one layer, as peft keeps them. */
export interface LowRankPair {
  /** lora_A.weight: [rank, in] or [rank, in, kernel, kernel]. */
  readonly down: string;
  /** lora_B.weight: [out, rank] or [out, rank, 1, 1]. */
  readonly up: string;
  readonly rank: number;
  /** lora_alpha / r. */
  readonly scale: number;
}

/**
 * LoRA branches beside the layers of a network, all multiplied by a number that is given at run time.
 */
export class Adapter {
  /**
   * @param strength - float32 [1]: what all branches are multiplied by.
   * @param weights - Where the matrices are.
   * @param find - The matrices of a layer, by its diffusers name; undefined where it has none.
   */
  constructor(
    readonly strength: Value,
    readonly weights: TensorSource,
    readonly find: (layer: string) => LowRankPair | undefined,
  ) {}

  /** strength · up(down(x)) of a convolution; undefined where the layer has no branch. */
  convolution(layer: Module, x: Value, out: number, kernel: number, options: ConvolutionOptions): Value | undefined {
    return this.#branch(layer, (pair) => {
      const { graph } = layer;
      const down = this.#matrix(layer, 'lora_A', pair.down, [pair.rank, channelsOf(graph, x), kernel, kernel]);
      const up = this.#matrix(layer, 'lora_B', pair.up, [out, pair.rank, 1, 1], pair.scale);
      return convolution(graph, this.#scaled(layer, convolution(graph, x, down, undefined, options)), up);
    });
  }

  /** strength · x · downᵀ · upᵀ of a linear layer; undefined where it has no branch. */
  linear(layer: Module, x: Value, out: number): Value | undefined {
    return this.#branch(layer, (pair) => {
      const { graph } = layer;
      const down = this.#matrix(layer, 'lora_A', pair.down, [pair.rank, widthOf(graph, x)]);
      const up = this.#matrix(layer, 'lora_B', pair.up, [out, pair.rank], pair.scale);
      return linear(graph, this.#scaled(layer, linear(graph, x, down)), up);
    });
  }

  /** As {@link Adapter.linear}, of an input known at compile time: only the strength is left for later. */
  foldedLinear(layer: Module, input: ConstantTokens, out: number): Value | undefined {
    return this.#branch(layer, ({ down, up, rank, scale }) => {
      const read = async () => {
        const inner = await readTensor(this.weights, down, [rank, input.width]);
        const narrow = multiplyTransposed(await input.read(), input.rows, input.width, inner, rank);
        const wide = multiplyTransposed(narrow, input.rows, rank, await readTensor(this.weights, up, [out, rank]), out);
        return wide.map((value) => value * scale);
      };
      requireTensor(this.weights, down, [rank, input.width]);
      requireTensor(this.weights, up, [out, rank]);
      return this.#scaled(layer, layer.graph.initializer('lora', [input.rows, out], read, layer.type));
    });
  }

  #branch(layer: Module, build: (pair: LowRankPair) => Value): Value | undefined {
    const pair = this.find(layer.path);
    return pair === undefined ? undefined : layer.graph.scope('lora', () => build(pair));
  }

  #matrix(layer: Module, name: string, tensor: string, shape: readonly number[], scale = 1): Value {
    requireTensor(this.weights, tensor, shape);
    const read = async () => {
      const numbers = await readTensor(this.weights, tensor, shape);
      return scale === 1 ? numbers : numbers.map((value) => value * scale);
    };
    return layer.graph.initializer(name, shape, read, layer.type);
  }

  #scaled(layer: Module, x: Value): Value {
    return multiply(layer.graph, x, cast(layer.graph, this.strength, x.type));
  }
}

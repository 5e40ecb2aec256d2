import type { LoraTensorSource } from '../../checkpoint/lora/merge.js';
import type { Value } from '../../onnx/graph-builder.js';
import { convolution, type ConvolutionOptions } from '../../onnx/operators/convolution.js';
import { cast, multiply } from '../../onnx/operators/elementwise.js';
import { linear } from '../../onnx/operators/linear.js';
import { channelsOf, type ConstantTokens, type Module, multiplyTransposed, widthOf } from './module.js';

/**
 * LoRA branches beside the layers of a network, all multiplied by a number that is given at run time. (Where their strength
 * is fixed, they are merged into the weights, and cost nothing.)
 */
export class Adapter {
  readonly #modules: ReadonlySet<string>;

  private constructor(
    private readonly source: LoraTensorSource,
    private readonly strength: Value,
    private readonly rank: number,
  ) {
    this.#modules = new Set(source.loraModules());
  }

  /**
   * @param source - A network's weights with one adapter, whose shapes have been checked.
   * @param strength - float32 [1]: what all branches are multiplied by.
   */
  static async create(source: LoraTensorSource, strength: Value): Promise<Adapter> {
    const [first] = source.loraModules();
    const pair = first === undefined ? undefined : await source.lora(first);
    return new Adapter(source, strength, pair?.rank ?? 0);
  }

  /** strength · B(A(x)) of a convolution; undefined where the layer has no branch. */
  convolution(layer: Module, x: Value, out: number, kernel: number, options: ConvolutionOptions): Value | undefined {
    return this.#branch(layer, () => {
      const { graph } = layer;
      const a = this.#a(layer, [this.rank, channelsOf(graph, x), kernel, kernel]);
      const b = this.#b(layer, [out, this.rank, 1, 1]);
      return convolution(graph, this.#scaled(layer, convolution(graph, x, a, undefined, options)), b);
    });
  }

  /** strength · x · Aᵀ · Bᵀ of a linear layer; undefined where it has no branch. */
  linear(layer: Module, x: Value, out: number): Value | undefined {
    return this.#branch(layer, () => {
      const { graph } = layer;
      const a = this.#a(layer, [this.rank, widthOf(graph, x)]);
      return linear(graph, this.#scaled(layer, linear(graph, x, a)), this.#b(layer, [out, this.rank]));
    });
  }

  /** As {@link Adapter.linear}, of an input known at compile time: only the strength is left for later. */
  foldedLinear(layer: Module, input: ConstantTokens, out: number): Value | undefined {
    return this.#branch(layer, () => {
      const { rows, width } = input;
      const read = async () => {
        const { a, b } = await this.#pair(layer);
        const narrow = multiplyTransposed(await input.read(), rows, width, a, this.rank);
        return multiplyTransposed(narrow, rows, this.rank, b, out);
      };
      return this.#scaled(layer, layer.graph.initializer('folded', [rows, out], read, layer.type));
    });
  }

  #branch(layer: Module, build: () => Value): Value | undefined {
    return this.#modules.has(layer.path) ? layer.graph.scope('lora', build) : undefined;
  }

  #a(layer: Module, shape: readonly number[]): Value {
    return layer.graph.initializer('A', shape, async () => (await this.#pair(layer)).a, layer.type);
  }

  #b(layer: Module, shape: readonly number[]): Value {
    return layer.graph.initializer('B', shape, async () => (await this.#pair(layer)).b, layer.type);
  }

  /** Both matrices, lora_alpha / rank in the second. */
  async #pair({ path, graph }: Module): Promise<{ readonly a: Float32Array; readonly b: Float32Array }> {
    const pair = await this.source.lora(path);
    if (pair === undefined) {
      throw graph.fault(`the adapter of ${path} is gone`);
    }
    return { a: pair.a, b: pair.b.map((value) => value * pair.scale) };
  }

  #scaled(layer: Module, x: Value): Value {
    return multiply(layer.graph, x, cast(layer.graph, this.strength, x.type));
  }
}

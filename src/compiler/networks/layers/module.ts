import { readTensor, requireTensor, type TensorSource } from '../../checkpoint/tensor-source.js';
import type { FloatType } from '../../onnx/element-type.js';
import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';
import { convolution, type ConvolutionOptions } from '../../onnx/operators/convolution.js';
import { add, cast } from '../../onnx/operators/elementwise.js';
import { linear } from '../../onnx/operators/linear.js';
import { groupNormalisation, layerNormalisation } from '../../onnx/operators/normalisation.js';
import type { Adapter } from './adapter.js';

/** What a network is made from. */
export interface NetworkSource {
  /** Its weights, by diffusers' names. */
  readonly weights: TensorSource;
  /** Low-rank branches whose strength is a run-time number; merged into `weights` where it is fixed. */
  readonly adapter?: Adapter | undefined;
}

export interface Conv2dOptions extends ConvolutionOptions {
  /** Side of the kernel. Default 3. */
  readonly kernel?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Constants a channel, added to the bias when the file is written. */
  readonly addedBias?: (() => Promise<Float32Array>) | undefined;
}

/**
 * A module of a network, as torch.nn.Module is: a place in the checkpoint and in the graph, both of the same name, where
 * layers with weights are put.
 */
export class Module {
  readonly #source: NetworkSource;

  /**
   * @param path - Its name in the checkpoint; empty for the whole network.
   * @param type - Element type of its weights and arithmetic.
   */
  constructor(
    readonly graph: GraphBuilder,
    source: NetworkSource,
    readonly path = '',
    readonly type: FloatType = graph.floatType,
  ) {
    this.#source = source;
  }

  /** Low-rank branches beside its layers, if they are run-time ones. */
  get adapter(): Adapter | undefined {
    return this.#source.adapter;
  }

  /** Builds a module inside this one. */
  child<T>(name: string, build: (module: Module) => T): T {
    const module = new Module(this.graph, this.#source, this.#name(name), this.type);
    return this.graph.scope(name, () => build(module));
  }

  /** The same module with float32 weights and arithmetic: for what overflows or loses too much in half precision. */
  inFloat32(): Module {
    return new Module(this.graph, this.#source, this.path, 'float32');
  }

  /** Whether the checkpoint has a tensor of this module. */
  has(name: string): boolean {
    return this.#source.weights.describe(this.#name(name)) !== undefined;
  }

  /** The numbers of one of its tensors; checked now, read when asked for. */
  tensor(name: string, shape: readonly number[]): () => Promise<Float32Array> {
    const full = this.#name(name);
    const { weights } = this.#source;
    requireTensor(weights, full, shape);
    return () => readTensor(weights, full, shape);
  }

  /** One of its tensors as a constant of the graph. */
  parameter(name: string, shape: readonly number[]): Value {
    return this.graph.initializer(name, shape, this.tensor(name, shape), this.type);
  }

  /** torch.nn.Conv2d called `name`, with `out` channels. */
  conv2d(
    name: string,
    x: Value,
    out: number,
    { kernel = 3, bias = true, addedBias, ...options }: Conv2dOptions = {},
  ): Value {
    return this.child(name, (layer) => {
      const into = channelsOf(this.graph, x);
      const input = cast(this.graph, x, this.type);
      const weight = layer.parameter('weight', [out, into, kernel, kernel]);
      const y = convolution(this.graph, input, weight, layer.#bias(out, bias, addedBias), options);
      const branch = this.adapter?.convolution(layer, input, out, kernel, options);
      return branch === undefined ? y : add(this.graph, y, branch);
    });
  }

  /** torch.nn.Linear called `name`, on tokens [tokens, in]. */
  linear(name: string, x: Value, out: number, { bias = true } = {}): Value {
    return this.child(name, (layer) => {
      const into = widthOf(this.graph, x);
      const weight = layer.parameter('weight', [out, into]);
      const y = linear(this.graph, x, weight, layer.#bias(out, bias));
      const branch = this.adapter?.linear(layer, x, out);
      return branch === undefined ? y : add(this.graph, y, branch);
    });
  }

  /**
   * torch.nn.Linear without bias called `name`, of an input that is known at compile time: worked out when the file is
   * written.
   */
  foldedLinear(name: string, input: ConstantTokens, out: number): Value {
    return this.child(name, (layer) => {
      const { rows, width } = input;
      const weight = layer.tensor('weight', [out, width]);
      const read = async () => multiplyTransposed(await input.read(), rows, width, await weight(), out);
      const y = this.graph.initializer('folded', [rows, out], read, this.type);
      const branch = this.adapter?.foldedLinear(layer, input, out);
      return branch === undefined ? y : add(this.graph, y, branch);
    });
  }

  /** torch.nn.GroupNorm called `name`. */
  groupNorm(name: string, x: Value, groups: number, epsilon: number): Value {
    return this.child(name, (layer) => {
      const channels = channelsOf(this.graph, x);
      const weight = layer.parameter('weight', [channels]);
      const bias = layer.parameter('bias', [channels]);
      return groupNormalisation(this.graph, x, groups, weight, bias, epsilon);
    });
  }

  /** torch.nn.LayerNorm called `name`, over the last axis. */
  layerNorm(name: string, x: Value, epsilon = 1e-5): Value {
    return this.child(name, (layer) => {
      const width = widthOf(this.graph, x);
      const weight = layer.parameter('weight', [width]);
      const bias = layer.parameter('bias', [width]);
      return layerNormalisation(this.graph, x, weight, bias, epsilon);
    });
  }

  #bias(length: number, own: boolean, added?: () => Promise<Float32Array>): Value | undefined {
    if (!own) {
      return undefined;
    }
    const bias = this.tensor('bias', [length]);
    const read = added === undefined ? bias : async () => sum(await bias(), await added());
    return this.graph.initializer('bias', [length], read, this.type);
  }

  #name(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** Tokens whose numbers are known at compile time. */
export interface ConstantTokens {
  readonly rows: number;
  readonly width: number;
  /** [rows, width], row-major. */
  readonly read: () => Promise<Float32Array>;
}

/** Number of channels of [1, channels, height, width]. */
export function channelsOf(graph: GraphBuilder, x: Value): number {
  const channels = x.shape[1];
  if (typeof channels !== 'number') {
    throw graph.fault('the number of channels has to be known');
  }
  return channels;
}

/** Length of the last axis. */
export function widthOf(graph: GraphBuilder, x: Value): number {
  const width = x.shape.at(-1);
  if (typeof width !== 'number') {
    throw graph.fault('the width of the tokens has to be known');
  }
  return width;
}

/** a · bᵀ: a is [rows, inner], b is [columns, inner]. */
export function multiplyTransposed(
  a: Float32Array,
  rows: number,
  inner: number,
  b: Float32Array,
  columns: number,
): Float32Array {
  const product = new Float32Array(rows * columns);
  for (let column = 0; column < columns; column++) {
    const weights = b.subarray(column * inner, (column + 1) * inner);
    for (let row = 0; row < rows; row++) {
      const from = row * inner;
      let total = 0;
      for (let i = 0; i < inner; i++) {
        total += (a[from + i] ?? 0) * (weights[i] ?? 0);
      }
      product[row * columns + column] = total;
    }
  }
  return product;
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] ?? 0));
}

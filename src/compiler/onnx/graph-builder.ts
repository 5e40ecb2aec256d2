import { ModelError } from '../../errors/errors.js';
import { attribute, type Attribute, type Body } from './attribute.js';
import { type Dimension, equal, type Shape, shapeText } from './dimension.js';
import type { ElementType, FloatType } from './element-type.js';
import type { NodeProto } from './model-proto.js';

/** A tensor of the graph, before there are any numbers in it. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A constant tensor: its numbers are asked for when the file is written, and not kept. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Its numbers in row-major order; asked for once a file. */
  readonly read: () => Promise<Float32Array>;
}

/** What a node is, beside its inputs. */
export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute | undefined>>;
  /** Operator set it belongs to; the standard one where left out. */
  readonly domain?: string;
  /** Multiplications that it costs, each with its addition. */
  readonly multiplications?: Dimension;
}

/** Element type and shape of a node's result. */
export interface ResultType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** How many multiplications (each with an addition) one part of the graph costs. */
export interface Cost {
  /** Scopes it is in, from the outside. */
  readonly scope: readonly string[];
  readonly multiplications: Dimension;
}

/**
 * Version of the standard operators: the first that has Gelu. Nothing newer is used, since what a graph doesn't ask for
 * no execution provider of onnxruntime can be without.
 */
export const opset = 20;

/** The operator set of onnxruntime's own. */
export const contribDomain = 'com.microsoft';

/**
 * A graph that grows node by node. Every value carries its element type and shape; operators (in `operators/`) check what
 * they are given and infer what they give, and a failure names the layer at which it happens.
 */
export class GraphBuilder {
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  nodes: NodeProto[] = [];
  readonly initializers: Initializer[] = [];
  readonly costs: Cost[] = [];
  readonly domains = new Set(['']);
  readonly #scope: string[] = [];
  readonly #names = new Set<string>();
  #cache = new Map<string, Value>();
  /** Where each symbolic size can be read. */
  #sources = new Map<string, { readonly value: Value; readonly axis: number }>();

  /**
   * @param name - Name of the graph.
   * @param floatType - Element type of weights and of the arithmetic, where an operator doesn't need another.
   */
  constructor(
    readonly name: string,
    readonly floatType: FloatType = 'float32',
  ) {}

  /** Builds a layer: what is made inside is named `name.…`, after the scopes around. */
  scope<T>(name: string, build: () => T): T {
    this.#scope.push(name);
    try {
      return build();
    } finally {
      this.#scope.pop();
    }
  }

  /** Dotted name of the layer that is being built. */
  get path(): string {
    return this.#scope.join('.');
  }

  /** Something to be fed. */
  input(name: string, type: ElementType, shape: Shape): Value {
    const value = this.#value(this.#claim(name), { type, shape });
    this.inputs.push(value);
    return value;
  }

  /** Gives `value` out under a name of its own. */
  output(name: string, value: Value): Value {
    const [named] = this.node('Identity', [value], [value], {}, [this.#claim(name)]);
    this.outputs.push(named);
    return named;
  }

  /**
   * A constant in the scope.
   *
   * @param read - Gives its numbers, in row-major order, when the file is written.
   * @param type - Its element type; the graph's own where left out.
   */
  initializer(
    name: string,
    shape: readonly number[],
    read: () => Promise<Float32Array>,
    type: ElementType = this.floatType,
  ): Value {
    const unique = this.#unique(this.#scoped(name));
    this.initializers.push({ name: unique, type, shape, read });
    return this.#value(unique, { type, shape });
  }

  /** A small constant with known numbers; the same one asked for twice is there once. */
  constant(
    values: readonly number[],
    type: ElementType = this.floatType,
    shape: readonly number[] = [values.length],
  ): Value {
    return this.once(`constant ${type} ${shapeText(shape)} ${values.join(' ')}`, () => {
      const name = this.#unique('constant');
      this.initializers.push({ name, type, shape, read: () => Promise.resolve(Float32Array.from(values)) });
      return this.#value(name, { type, shape });
    });
  }

  /** A constant that is one number. */
  scalar(value: number, type: ElementType = this.floatType): Value {
    return this.constant([value], type, []);
  }

  /** What `make` makes, made once for a key. */
  once(key: string, make: () => Value): Value {
    const found = this.#cache.get(key) ?? make();
    this.#cache.set(key, found);
    return found;
  }

  /**
   * Adds a node; its operator has checked the inputs and knows what it gives.
   *
   * @returns A value a result.
   */
  node<const Results extends readonly ResultType[]>(
    opType: string,
    inputs: readonly (Value | undefined)[],
    results: Results,
    { attributes = {}, domain = '', multiplications }: NodeOptions = {},
    outputNames?: readonly string[],
  ): { [K in keyof Results]: Value } {
    const name = this.#unique(this.#scoped(opType));
    const values = results.map((result, i) =>
      this.#value(outputNames?.[i] ?? this.#unique(i === 0 ? `${name}:out` : `${name}:out${i}`), result),
    );
    // A trailing input that is left out isn't written at all; one in the middle is an empty name.
    const fed = inputs.map((value) => value?.name ?? '');
    while (fed.at(-1) === '') {
      fed.pop();
    }
    this.domains.add(domain);
    this.nodes.push({
      name,
      opType,
      domain,
      input: fed,
      output: values.map((value) => value.name),
      attribute: Object.entries(attributes).flatMap(([key, value]) =>
        value === undefined ? [] : [attribute(key, value)],
      ),
    });
    if (multiplications !== undefined) {
      this.costs.push({ scope: [...this.#scope], multiplications });
    }
    return values as { [K in keyof Results]: Value };
  }

  /**
   * Builds what a control-flow node runs. Constants made inside belong to the graph around; what is computed inside is not
   * to be used outside.
   *
   * @param inputs - Element types and shapes of what it is given.
   */
  body(name: string, inputs: readonly ResultType[], build: (inputs: readonly Value[]) => readonly Value[]): Body {
    const outside = { nodes: this.nodes, cache: this.#cache, sources: this.#sources };
    this.nodes = [];
    this.#cache = new Map(outside.cache);
    this.#sources = new Map(outside.sources);
    try {
      const given = inputs.map((type) => this.#value(this.#unique(this.#scoped(name)), type));
      return { name: this.#scoped(name), inputs: given, outputs: build(given), nodes: this.nodes };
    } finally {
      ({ nodes: this.nodes, cache: this.#cache, sources: this.#sources } = outside);
    }
  }

  /** A node with one result. */
  single(opType: string, inputs: readonly (Value | undefined)[], result: ResultType, options?: NodeOptions): Value {
    return this.node(opType, inputs, [result], options)[0];
  }

  /**
   * A shape as an int64 tensor. Sizes not known yet are read from a value that has them; onnxruntime folds all of it when
   * a session fixes the sizes.
   */
  shapeTensor(shape: Shape): Value {
    if (shape.every((dimension) => typeof dimension === 'number')) {
      return this.constant(shape, 'int64');
    }
    return this.once(`shape ${shapeText(shape)}`, () => {
      const parts = shape.map((dimension) =>
        typeof dimension === 'number' ? this.constant([dimension], 'int64') : this.#sizeTensor(dimension),
      );
      return this.single('Concat', parts, { type: 'int64', shape: [shape.length] }, { attributes: { axis: 0n } });
    });
  }

  /** An error that names the layer. */
  fault(message: string): ModelError {
    return new ModelError('model-invalid', `${this.path || this.name}: ${message}`, {
      remedy: 'The checkpoint does not fit this network: check that it belongs to this base model and kind.',
    });
  }

  /** Throws unless the shape is as it has to be. */
  expect(holds: boolean, message: () => string): void {
    if (!holds) {
      throw this.fault(message());
    }
  }

  #sizeTensor(dimension: Dimension): Value {
    return this.once(`size ${String(dimension)}`, () => {
      const source = this.#sources.get(String(dimension));
      if (source === undefined) {
        throw this.fault(`no value has an axis of ${String(dimension)} yet, so a shape with it can't be made`);
      }
      const { value, axis } = source;
      const attributes = { start: BigInt(axis), end: BigInt(axis + 1) };
      return this.single('Shape', [value], { type: 'int64', shape: [1] }, { attributes });
    });
  }

  #value(name: string, { type, shape }: ResultType): Value {
    const value = { name, type, shape };
    shape.forEach((dimension, axis) => {
      if (typeof dimension !== 'number' && !this.#sources.has(String(dimension))) {
        this.#sources.set(String(dimension), { value, axis });
      }
    });
    return value;
  }

  #scoped(name: string): string {
    return [...this.#scope, name].join('.');
  }

  #claim(name: string): string {
    if (this.#names.has(name)) {
      throw this.fault(`the name "${name}" is taken`);
    }
    this.#names.add(name);
    return name;
  }

  #unique(name: string): string {
    let unique = name;
    for (let i = 1; this.#names.has(unique); i++) {
      unique = `${name}_${i}`;
    }
    return this.#claim(unique);
  }
}

/** Throws unless two sizes are equal. */
export function expectEqual(graph: GraphBuilder, a: Dimension, b: Dimension, what: string): void {
  graph.expect(equal(a, b), () => `${what} is ${String(a)}, not ${String(b)}`);
}

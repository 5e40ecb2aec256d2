import { type ByteSource, type Field, fields } from './protobuf-wire.js';

/** One node of a graph: where it lies, and the tensors that it takes and gives, by their names. */
export interface GraphNode {
  readonly field: Field;
  /** Its inputs, and what the graphs inside it (of an `If`, a `Scan`, ...) read from around it. */
  readonly reads: ReadonlySet<string>;
  readonly makes: readonly string[];
}

/** A part of a graph that is no node, and the name of the tensor that it is about, where it is about one. */
export interface GraphPart {
  readonly field: Field;
  readonly tensor: string | undefined;
}

/** A graph taken apart. */
export interface GraphParts {
  /** In an order in which they can be run: ONNX asks for one. */
  readonly nodes: readonly GraphNode[];
  /** All else, weights included, as it is written. */
  readonly others: readonly GraphPart[];
}

/** Numbers of GraphProto's fields in onnx.proto. */
export const graphFields = {
  node: 1,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  quantizationAnnotation: 14,
  sparseInitializer: 15,
} as const;

/** Where the name of the tensor is in each part that has one: a part inside a part, by their numbers. */
const namePaths: Readonly<Record<number, readonly number[]>> = {
  [graphFields.initializer]: [8],
  [graphFields.input]: [1],
  [graphFields.output]: [1],
  [graphFields.valueInfo]: [1],
  [graphFields.quantizationAnnotation]: [1],
  // It is its values that have the name.
  [graphFields.sparseInitializer]: [1, 8],
};

/** Where a message lies. */
type Span = Pick<Field, 'from' | 'to'>;

/**
 * Takes the graph of an ONNX file apart. Nothing is copied: all parts are told by where they lie.
 *
 * @param bytes - The file.
 * @param graph - Where its graph lies.
 * @throws Error, when what lies there is no graph, or ends before it should.
 */
export function readGraphParts(bytes: Buffer, graph: Span): GraphParts {
  const source: ByteSource = { byte: (at) => bytes[at] ?? 0 };
  const partsOf = ({ from, to }: Span) => [...fields(source, from, to)];
  const textOf = ({ from, to }: Span) => bytes.toString('utf8', from, to);

  function nameOf(part: Field): string | undefined {
    let found: Field | undefined = part;
    for (const number of namePaths[part.number] ?? []) {
      found = found && partsOf(found).find((inner) => inner.number === number);
    }
    return found === part ? undefined : found && textOf(found);
  }

  // NodeProto { input = 1; output = 2; attribute = 5 { g = 6; graphs = 11 } }
  function readNode(field: Field): GraphNode {
    const parts = partsOf(field);
    const named = (number: number) =>
      parts
        .filter((part) => part.number === number)
        .map(textOf)
        .filter((name) => name !== '');
    const inner = parts
      .filter(({ number }) => number === 5)
      .flatMap((attribute) => partsOf(attribute).filter(({ number }) => number === 6 || number === 11))
      .flatMap(readFromAround);
    return { field, reads: new Set([...named(1), ...inner]), makes: named(2) };
  }

  /** What a graph inside a node reads that isn't made inside it. */
  function readFromAround(body: Span): readonly string[] {
    const { nodes, others } = read(body);
    const named = (...numbers: readonly number[]) =>
      others.flatMap(({ field, tensor = '' }) => (numbers.includes(field.number) ? [tensor] : []));
    const { input, output, initializer, sparseInitializer } = graphFields;
    const made = new Set([...named(input, initializer, sparseInitializer), ...nodes.flatMap(({ makes }) => makes)]);
    return [...nodes.flatMap(({ reads }) => [...reads]), ...named(output)].filter((name) => !made.has(name));
  }

  function read(span: Span): GraphParts {
    const parts = partsOf(span);
    const isNode = ({ number }: Field) => number === graphFields.node;
    return {
      nodes: parts.filter(isNode).map(readNode),
      others: parts.filter((part) => !isNode(part)).map((field) => ({ field, tensor: nameOf(field) })),
    };
  }

  return read(graph);
}

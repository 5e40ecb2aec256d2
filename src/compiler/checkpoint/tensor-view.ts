import { elementCount, requireTensor, type TensorDescription, type TensorSource } from './tensor-source.js';

/** What a name in a view stands for: a tensor of the source, or a run of its numbers. */
export interface TensorPart {
  /** Its name in the source. */
  readonly of: string;
  /** Its shape in the view; that in the source where left out. */
  readonly shape?: readonly number[] | undefined;
  /** The first of its numbers. Default 0. */
  readonly from?: number | undefined;
}

/**
 * A view on the tensors below a prefix, which its names leave out. Closing it closes nothing.
 *
 * @param prefix - With its dot, such as `encoder.`
 */
export function scoped(source: TensorSource, prefix: string): TensorSource {
  const names = new Map<string, TensorPart>();
  for (const name of source.names()) {
    if (name.startsWith(prefix)) {
      names.set(name.slice(prefix.length), { of: name });
    }
  }
  return new TensorView(source, `${source.description} (${prefix}*)`, names);
}

/** A view under other names. `rename` gives undefined for what is to be left out. Closing it closes nothing. */
export function renamed(source: TensorSource, rename: (name: string) => string | undefined): TensorSource {
  const names = new Map<string, TensorPart>();
  for (const name of source.names()) {
    const visible = rename(name);
    if (visible !== undefined) {
      names.set(visible, { of: name });
    }
  }
  return new TensorView(source, source.description, names);
}

/** A view whose tensors are tensors of a source in another shape, or parts of them. Closing it closes nothing. */
export function viewOfParts(
  source: TensorSource,
  description: string,
  parts: ReadonlyMap<string, TensorPart>,
): TensorSource {
  return new TensorView(source, description, parts);
}

/** A view on all of several sources; of a name that several have, the last one counts. Closing it closes nothing. */
export function overlaid(description: string, ...sources: readonly TensorSource[]): TensorSource {
  const owners = new Map<string, TensorSource>();
  for (const source of sources) {
    for (const name of source.names()) {
      owners.set(name, source);
    }
  }
  return {
    description,
    names: () => owners.keys(),
    describe: (name) => owners.get(name)?.describe(name),
    async read(name) {
      requireTensor(this, name);
      return (owners.get(name) ?? this).read(name);
    },
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

class TensorView implements TensorSource {
  constructor(
    private readonly source: TensorSource,
    readonly description: string,
    /** What each name in the view stands for. */
    private readonly parts: ReadonlyMap<string, TensorPart>,
  ) {}

  names(): Iterable<string> {
    return this.parts.keys();
  }

  describe(name: string): TensorDescription | undefined {
    const part = this.parts.get(name);
    const found = part && this.source.describe(part.of);
    return found && { ...found, name, shape: part.shape ?? found.shape };
  }

  async read(name: string): Promise<Float32Array> {
    const { shape } = requireTensor(this, name);
    const { of, from = 0 } = this.parts.get(name) ?? { of: name };
    const numbers = await this.source.read(of);
    const count = elementCount(shape);
    return count === numbers.length ? numbers : numbers.slice(from, from + count);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

import { requireTensor, type TensorDescription, type TensorSource } from './tensor-source.js';

/**
 * A view on the tensors below a prefix, which its names leave out. Closing it closes nothing.
 *
 * @param prefix - With its dot, such as `encoder.`
 */
export function scoped(source: TensorSource, prefix: string): TensorSource {
  const names = new Map<string, string>();
  for (const name of source.names()) {
    if (name.startsWith(prefix)) {
      names.set(name.slice(prefix.length), name);
    }
  }
  return new TensorView(source, `${source.description} (${prefix}*)`, names);
}

/** A view under other names. `rename` gives undefined for what is to be left out. Closing it closes nothing. */
export function renamed(source: TensorSource, rename: (name: string) => string | undefined): TensorSource {
  const names = new Map<string, string>();
  for (const name of source.names()) {
    const visible = rename(name);
    if (visible !== undefined) {
      names.set(visible, name);
    }
  }
  return new TensorView(source, source.description, names);
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
    /** The name in the view, and the one in the source. */
    private readonly sourceNames: ReadonlyMap<string, string>,
  ) {}

  names(): Iterable<string> {
    return this.sourceNames.keys();
  }

  describe(name: string): TensorDescription | undefined {
    const sourceName = this.sourceNames.get(name);
    const found = sourceName === undefined ? undefined : this.source.describe(sourceName);
    return found && { ...found, name };
  }

  async read(name: string): Promise<Float32Array> {
    requireTensor(this, name);
    return this.source.read(this.sourceNames.get(name) ?? name);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

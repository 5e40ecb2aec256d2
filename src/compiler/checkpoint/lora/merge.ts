import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { formatShape, requireTensor, type TensorDescription, type TensorSource } from '../tensor-source.js';
import { renamed } from '../tensor-view.js';
import type { LoraAdapter, LoraPair } from './adapter.js';
import { addLowRankProduct } from './low-rank-product.js';

/**
 * The tensors of a network whose layers have LoRA adapters. `read` gives weights with their adapters merged, W + scale * B A:
 * what peft's `merge_and_unload` leaves. For networks whose adapters' strength is chosen when they run, {@link unmerged} has
 * the weights alone, and {@link lora} what the adapters add.
 */
export interface LoraTensorSource extends TensorSource {
  /** The same tensors, without their adapters. */
  readonly unmerged: TensorSource;
  /** The layers that have an adapter, such as `down_blocks.0.resnets.0.conv1`. */
  loraModules(): Iterable<string>;
  /** The adapter of a layer, undefined where it has none. */
  lora(module: string): Promise<LoraPair | undefined>;
}

/**
 * Merges adapters into the layers of a network. One layer may have one adapter; another adapter's layers are left as they
 * are. Closing the result closes nothing.
 *
 * @throws ModelError, naming it: when an adapter is for a layer that isn't there or is of another shape, when a layer that
 * an adapter should have has none, or two adapters want the same one.
 */
export function mergeLora(base: TensorSource, ...adapters: readonly LoraAdapter[]): LoraTensorSource {
  const owners = new Map<string, LoraAdapter>();
  for (const adapter of adapters) {
    for (const module of adapter.modules()) {
      const other = owners.get(module);
      if (other !== undefined) {
        throw invalidCheckpoint(
          `Layer "${module}" has two adapters, in ${other.description} and in ${adapter.description}.`,
        );
      }
      checkFit(base, adapter, module);
      owners.set(module, adapter);
    }
  }
  requireEveryTarget(base, adapters);
  return new MergedSource(base, owners);
}

/** The tensors that `holds` is true of, and their adapters. Closing the part closes nothing. */
export function partOf(source: LoraTensorSource, holds: (name: string) => boolean): LoraTensorSource {
  return new PartialSource(source, holds);
}

/** Errors of an adapter that was made for another network. */
function checkFit(base: TensorSource, adapter: LoraAdapter, module: string): void {
  const halves = adapter.describe(module);
  if (halves === undefined) {
    return;
  }
  const weight = base.describe(`${module}.weight`);
  if (weight === undefined) {
    throw invalidCheckpoint(
      `${adapter.description} has an adapter for "${module}", a layer that ${base.description} does not have.`,
      'Give the base model that the checkpoint was trained on.',
    );
  }
  const { a, b } = halves;
  const expected = [b.shape[0] ?? 0, ...a.shape.slice(1)];
  if (expected.length !== weight.shape.length || expected.some((dimension, i) => dimension !== weight.shape[i])) {
    throw invalidCheckpoint(
      `The adapter of "${module}" in ${adapter.description} (A ${formatShape(a.shape)}, B ${formatShape(b.shape)}) is for ` +
        `a weight of shape ${formatShape(expected)}; "${weight.name}" of ${base.description} has ${formatShape(weight.shape)}.`,
      'Give the base model that the checkpoint was trained on.',
    );
  }
}

/** Errors of a checkpoint that lacks what it says it has: the network would run, and draw another picture. */
function requireEveryTarget(base: TensorSource, adapters: readonly LoraAdapter[]): void {
  for (const name of base.names()) {
    const module = layerOf(name, base.describe(name));
    for (const adapter of module === undefined ? [] : adapters) {
      if (module !== undefined && adapter.targets(module) && adapter.describe(module) === undefined) {
        throw invalidCheckpoint(
          `${adapter.description} lacks "${module}.lora_A.weight" and "${module}.lora_B.weight": ` +
            `its list of layers names "${module}", which has no adapter.`,
        );
      }
    }
  }
}

/** The Linear or Conv2d that a tensor is the weight of. */
function layerOf(name: string, description: TensorDescription | undefined): string | undefined {
  const dimensions = description?.shape.length;
  return name.endsWith('.weight') && (dimensions === 2 || dimensions === 4) ? moduleOf(name) : undefined;
}

function moduleOf(name: string): string {
  return name.slice(0, -'.weight'.length);
}

class MergedSource implements LoraTensorSource {
  constructor(
    readonly unmerged: TensorSource,
    /** Which adapter a layer has. */
    private readonly owners: ReadonlyMap<string, LoraAdapter>,
  ) {}

  get description(): string {
    return this.unmerged.description;
  }

  names(): Iterable<string> {
    return this.unmerged.names();
  }

  describe(name: string): TensorDescription | undefined {
    return this.unmerged.describe(name);
  }

  async read(name: string): Promise<Float32Array> {
    const weight = await this.unmerged.read(name);
    const pair = name.endsWith('.weight') ? await this.lora(moduleOf(name)) : undefined;
    if (pair !== undefined) {
      addLowRankProduct(weight, pair.b, pair.a, pair.rank, pair.scale);
    }
    return weight;
  }

  loraModules(): Iterable<string> {
    return this.owners.keys();
  }

  async lora(module: string): Promise<LoraPair | undefined> {
    return this.owners.get(module)?.read(module);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class PartialSource implements LoraTensorSource {
  readonly unmerged: TensorSource;

  constructor(
    private readonly whole: LoraTensorSource,
    private readonly holds: (name: string) => boolean,
  ) {
    this.unmerged = renamed(whole.unmerged, (name) => (holds(name) ? name : undefined));
  }

  get description(): string {
    return this.whole.description;
  }

  names(): Iterable<string> {
    return this.unmerged.names();
  }

  describe(name: string): TensorDescription | undefined {
    return this.unmerged.describe(name);
  }

  async read(name: string): Promise<Float32Array> {
    requireTensor(this, name);
    return this.whole.read(name);
  }

  loraModules(): Iterable<string> {
    return [...this.whole.loraModules()].filter((module) => this.holds(`${module}.weight`));
  }

  async lora(module: string): Promise<LoraPair | undefined> {
    return this.holds(`${module}.weight`) ? this.whole.lora(module) : undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

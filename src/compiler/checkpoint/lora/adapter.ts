import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { formatShape, type TensorDescription, type TensorSource } from '../tensor-source.js';
import { isTarget, parseLoraName } from './names.js';

/** What peft takes where a configuration says nothing of `lora_alpha`. */
export const defaultLoraAlpha = 8;

/** How an adapter was made. */
export interface LoraSettings {
  /** Rank of its products: `r`. */
  readonly rank: number;
  /** `lora_alpha`. Default {@link defaultLoraAlpha}, which is not the rank. */
  readonly alpha?: number | undefined;
  /** Layers that have an adapter, by their full names or last parts; see {@link isTarget}. */
  readonly targetModules: readonly string[];
}

/** What an adapter adds to a layer's weight: scale * B A. */
export interface LoraPair {
  /** [rank, in] of a Linear, [rank, in, kernel height, kernel width] of a Conv2d. */
  readonly a: Float32Array;
  readonly aShape: readonly number[];
  /** [out, rank], or [out, rank, 1, 1]. */
  readonly b: Float32Array;
  readonly bShape: readonly number[];
  readonly rank: number;
  /** lora_alpha / rank. */
  readonly scale: number;
}

/** The two halves of a layer's adapter, unread. */
interface LoraHalves {
  readonly a: TensorDescription;
  readonly b: TensorDescription;
}

/** A LoRA adapter as peft stores it: two thin tensors for each of its layers. */
export class LoraAdapter {
  /** lora_alpha / rank. */
  readonly scale: number;
  readonly #halves: ReadonlyMap<string, LoraHalves>;

  /**
   * @param tensors - The adapter's tensors and no others, under any of the names that peft gives them.
   * @throws ModelError, when a half is missing, the rank isn't the one stated, or a layer is none of the targets.
   */
  constructor(
    private readonly tensors: TensorSource,
    private readonly settings: LoraSettings,
  ) {
    const { rank, alpha = defaultLoraAlpha } = settings;
    if (!Number.isSafeInteger(rank) || rank < 1 || !Number.isFinite(alpha)) {
      throw invalidCheckpoint(
        `${tensors.description} states a LoRA of rank ${rank} and alpha ${alpha}, which can't be.`,
      );
    }
    this.scale = alpha / rank;
    this.#halves = pairHalves(tensors);
    for (const [module, halves] of this.#halves) {
      this.#check(module, halves);
    }
  }

  get description(): string {
    return this.tensors.description;
  }

  get rank(): number {
    return this.settings.rank;
  }

  /** The layers that have an adapter. */
  modules(): Iterable<string> {
    return this.#halves.keys();
  }

  /** Whether the layer should have an adapter, by the list of targets. */
  targets(module: string): boolean {
    return isTarget(module, this.settings.targetModules);
  }

  /** The shapes of a layer's two halves, and what they are called. */
  describe(module: string): LoraHalves | undefined {
    return this.#halves.get(module);
  }

  async read(module: string): Promise<LoraPair | undefined> {
    const halves = this.#halves.get(module);
    if (halves === undefined) {
      return undefined;
    }
    const { a, b } = halves;
    return {
      a: await this.tensors.read(a.name),
      aShape: a.shape,
      b: await this.tensors.read(b.name),
      bShape: b.shape,
      rank: this.rank,
      scale: this.scale,
    };
  }

  #check(module: string, { a, b }: LoraHalves): void {
    const { rank } = this.settings;
    const convolution = a.shape.length === 4;
    const fits =
      (a.shape.length === 2 || convolution) &&
      b.shape.length === a.shape.length &&
      a.shape[0] === rank &&
      b.shape[1] === rank &&
      b.shape.slice(2).every((size) => size === 1);
    if (!fits) {
      const expected = convolution
        ? `[${rank}, in, height, width] and [out, ${rank}, 1, 1]`
        : `[${rank}, in] and [out, ${rank}]`;
      throw invalidCheckpoint(
        `The adapter of "${module}" in ${this.description} has "${a.name}" of shape ${formatShape(a.shape)} and ` +
          `"${b.name}" of shape ${formatShape(b.shape)}; expected ${expected} for its rank ${rank}.`,
      );
    }
    if (!this.targets(module)) {
      throw invalidCheckpoint(
        `${this.description} has an adapter for "${module}", which its list of layers does not name.`,
      );
    }
  }
}

function pairHalves(tensors: TensorSource): Map<string, LoraHalves> {
  const a = new Map<string, TensorDescription>();
  const b = new Map<string, TensorDescription>();
  const adapters = new Set<string | undefined>();
  for (const name of tensors.names()) {
    const parsed = parseLoraName(name);
    const description = tensors.describe(name);
    if (parsed === undefined || description === undefined) {
      throw invalidCheckpoint(`${tensors.description} has the tensor "${name}", which is no part of a LoRA of peft's.`);
    }
    adapters.add(parsed.adapter);
    if (adapters.size > 1) {
      const names = [...adapters].map((adapter) => adapter ?? 'one without a name').join(', ');
      throw invalidCheckpoint(`${tensors.description} holds several adapters where one belongs: ${names}.`);
    }
    (parsed.half === 'A' ? a : b).set(parsed.module, description);
  }
  const halves = new Map<string, LoraHalves>();
  for (const module of new Set([...a.keys(), ...b.keys()])) {
    const [first, second] = [a.get(module), b.get(module)];
    if (first === undefined || second === undefined) {
      const missing = first === undefined ? 'lora_A' : 'lora_B';
      throw invalidCheckpoint(`${tensors.description} lacks the ${missing} of "${module}", whose other half it has.`);
    }
    halves.set(module, { a: first, b: second });
  }
  return halves;
}

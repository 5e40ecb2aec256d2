import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { renamed } from '../tensor-view.js';
import type { TensorSource } from '../tensor-source.js';

/** Which half of an adapter a tensor is, and of which layer. */
export interface LoraTensorName {
  /** The layer, such as `down_blocks.0.resnets.0.conv1`. */
  readonly module: string;
  readonly half: 'A' | 'B';
  /** Name of the adapter, where the key has it; peft leaves it out of files that hold one adapter. */
  readonly adapter: string | undefined;
}

const peftPrefix = 'base_model.model.';

/**
 * Takes the name of an adapter's tensor apart: `<module>.lora_A.weight`, or `<module>.lora_A.<adapter>.weight`. Undefined
 * where it is another tensor's.
 */
export function parseLoraName(name: string): LoraTensorName | undefined {
  const match = /^(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/.exec(withoutPeftPrefix(name));
  const [, module, half, adapter] = match ?? [];
  return module === undefined ? undefined : { module, half: half === 'A' ? 'A' : 'B', adapter };
}

/**
 * Whether peft would give the layer an adapter: a target names the layer in full, or its last parts, cut at a dot
 * (`conv` means `….conv`, not `….conv1`). Source: `check_target_module_exists` of peft's tuners/tuners_utils.py.
 */
export function isTarget(module: string, targets: readonly string[]): boolean {
  return targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/**
 * A state dict of layers that peft wrapped, taken apart: the layers' own tensors under the names they have when they are not
 * wrapped, and the adapter's tensors.
 *
 * @throws ModelError, when two tensors come to have the same name.
 */
export function unwrapped(source: TensorSource): { readonly layers: TensorSource; readonly adapter: TensorSource } {
  const owners = new Map<string, string>();
  const layers = renamed(source, (name) => {
    if (isLoraName(name)) {
      return undefined;
    }
    const plain = withoutPeftPrefix(name).replace(/\.base_layer\.(weight|bias)$/, '.$1');
    const other = owners.get(plain);
    if (other !== undefined) {
      throw invalidCheckpoint(`${source.description} has "${plain}" twice: as "${other}" and as "${name}".`);
    }
    owners.set(plain, name);
    return plain;
  });
  return { layers, adapter: renamed(source, (name) => (isLoraName(name) ? name : undefined)) };
}

function isLoraName(name: string): boolean {
  return name.includes('.lora_');
}

function withoutPeftPrefix(name: string): string {
  return name.startsWith(peftPrefix) ? name.slice(peftPrefix.length) : name;
}

import { UsageError } from '../../../errors/errors.js';
import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { openTorchCheckpoint } from '../torch/torch-checkpoint.js';
import { describeValue, isDictionary, type CheckpointDictionary, type CheckpointValue } from '../torch/value.js';
import type { BaseModel } from './base-model.js';
import { readCycleGanTurbo, type Direction } from './cyclegan-turbo-checkpoint.js';
import { CheckpointFields } from './fields.js';
import { readPix2PixTurbo } from './pix2pix-turbo-checkpoint.js';
import type { TurboTensors } from './turbo-tensors.js';

/** The weights of a CycleGAN-Turbo, in one of its directions. */
export interface CycleGanTurboTensors extends TurboTensors {
  readonly kind: 'cyclegan-turbo';
  readonly direction: Direction;
}

/** The weights of a pix2pix-Turbo. */
export interface Pix2PixTurboTensors extends TurboTensors {
  readonly kind: 'pix2pix-turbo';
  /** Whether it has a pair of first convolutions, and is run with a guidance that scales all that was learnt. */
  readonly stochastic: boolean;
}

/**
 * Opens a checkpoint of CycleGAN-Turbo or pix2pix-Turbo, published or the user's own, on top of the base model it was
 * trained on. All names, shapes and adapters are checked before it returns; numbers are read later, tensor by tensor.
 *
 * @param path - The `.pkl` file.
 * @param base - Stays open, and the caller's, while the tensors are read.
 * @param options.direction - Of a CycleGAN-Turbo, which has both; a pix2pix-Turbo has none.
 * @throws ModelError, naming the tensor, when the file is of another kind, or for another base, or not whole. UsageError,
 * when a CycleGAN-Turbo is opened without a direction, or a pix2pix-Turbo with one.
 */
export async function openTurboCheckpoint(
  path: string,
  base: BaseModel,
  options: { readonly direction?: Direction | undefined } = {},
): Promise<CycleGanTurboTensors | Pix2PixTurboTensors> {
  const checkpoint = await openTorchCheckpoint(path);
  const ownership = { close: () => checkpoint.close(), [Symbol.asyncDispose]: () => checkpoint.close() };
  try {
    const dictionary = requireDictionary(checkpoint.value, path);
    const fields = new CheckpointFields(dictionary, path);
    const { direction } = options;
    if (kindOf(dictionary, path) === 'pix2pix-turbo') {
      if (direction !== undefined) {
        throw new UsageError(`${path} is a pix2pix-Turbo, which has no direction.`, {
          remedy: 'Leave the direction out.',
        });
      }
      return { kind: 'pix2pix-turbo', ...readPix2PixTurbo(fields, base), ...ownership };
    }
    if (direction === undefined) {
      throw new UsageError(`${path} is a CycleGAN-Turbo, which has two directions.`, {
        remedy: 'Choose the direction a2b (from the first domain to the second) or b2a.',
      });
    }
    return { kind: 'cyclegan-turbo', direction, ...readCycleGanTurbo(fields, base, direction), ...ownership };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

function requireDictionary(value: CheckpointValue, path: string): CheckpointDictionary {
  if (!isDictionary(value)) {
    throw invalidCheckpoint(`${path} holds ${describeValue(value)}; a checkpoint is a dictionary.`);
  }
  return value;
}

function kindOf(dictionary: CheckpointDictionary, path: string): 'cyclegan-turbo' | 'pix2pix-turbo' {
  if (dictionary.has('sd_vae_enc')) {
    return 'cyclegan-turbo';
  }
  if (dictionary.has('state_dict_unet')) {
    return 'pix2pix-turbo';
  }
  const found = [...dictionary.keys()].slice(0, 8).map((key) => JSON.stringify(String(key).slice(0, 80)));
  throw invalidCheckpoint(
    `${path} is neither a CycleGAN-Turbo (it has no "sd_vae_enc") nor a pix2pix-Turbo (no "state_dict_unet"): ` +
      `it has ${found.join(', ') || 'nothing'}${dictionary.size > 8 ? ', …' : ''}.`,
    'Give a checkpoint that the training of img2img-turbo wrote.',
  );
}

import { invalidCheckpoint } from '../invalid-checkpoint.js';
import type { LoraSettings } from '../lora/adapter.js';
import { LoraAdapter } from '../lora/adapter.js';
import { mergeLora, partOf, type LoraTensorSource } from '../lora/merge.js';
import { requireTensor, type TensorSource } from '../tensor-source.js';

const skipConvolution = /^decoder\.skip_conv_[1-4]\.weight$/;

/**
 * An autoencoder with skip convolutions and an adapter, checked against the base's.
 *
 * @param layers - Its tensors, the adapter's left out.
 * @param adapter - The adapter's tensors.
 * @param base - The autoencoder it was made from.
 * @throws ModelError, when a tensor is missing, has another shape than the base's, or is none of an autoencoder's.
 */
export function skipAutoencoder(
  layers: TensorSource,
  adapter: TensorSource,
  settings: LoraSettings,
  base: TensorSource,
): LoraTensorSource {
  for (const name of base.names()) {
    requireTensor(layers, name, base.describe(name)?.shape);
  }
  for (const name of layers.names()) {
    if (base.describe(name) === undefined && !skipConvolution.test(name)) {
      throw invalidCheckpoint(`${layers.description} has the tensor "${name}", which ${base.description} has not.`);
    }
  }
  checkSkipConvolutions(layers);
  return mergeLora(layers, new LoraAdapter(adapter, settings));
}

/** `encoder.*` and `quant_conv.*` */
export function encoderOf(autoencoder: LoraTensorSource): LoraTensorSource {
  return partOf(autoencoder, (name) => name.startsWith('encoder.') || name.startsWith('quant_conv.'));
}

/** `decoder.*` and `post_quant_conv.*` */
export function decoderOf(autoencoder: LoraTensorSource): LoraTensorSource {
  return partOf(autoencoder, (name) => name.startsWith('decoder.') || name.startsWith('post_quant_conv.'));
}

/**
 * The k-th skip convolution leads from what enters the k-th last down block of the encoder to what enters the k-th up block
 * of the decoder.
 */
function checkSkipConvolutions(layers: TensorSource): void {
  const entersDown = channelsEntering(layers, 'encoder', 'down_blocks');
  const entersUp = channelsEntering(layers, 'decoder', 'up_blocks');
  for (const [i, channels] of entersUp.entries()) {
    const from = entersDown.at(-1 - i);
    if (from !== undefined) {
      requireTensor(layers, `decoder.skip_conv_${i + 1}.weight`, [channels, from, 1, 1]);
    }
  }
}

/** How many channels enter each block: those of `conv_in`, then those that the block before gives. */
function channelsEntering(layers: TensorSource, half: 'encoder' | 'decoder', blocks: string): number[] {
  const channels: number[] = [];
  let entering = requireTensor(layers, `${half}.conv_in.weight`).shape[0] ?? 0;
  for (let i = 0; ; i++) {
    const convolution = layers.describe(`${half}.${blocks}.${i}.resnets.0.conv1.weight`);
    if (convolution === undefined) {
      return channels;
    }
    channels.push(entering);
    entering = convolution.shape[0] ?? 0;
  }
}

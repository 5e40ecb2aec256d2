import { type ConstantTokens, type Module, multiplyTransposed } from './layers/module.js';

/** What of unet/config.json shapes the embedding. */
export interface TimeEmbeddingConfiguration {
  readonly block_out_channels: readonly number[];
  readonly flip_sin_to_cos: boolean;
  readonly freq_shift: number;
}

/**
 * silu of the UNet's time embedding (time_proj and time_embedding) at one step: what every ResnetBlock2D projects.
 */
export function timeEmbedding(
  unet: Module,
  configuration: TimeEmbeddingConfiguration,
  timestep: number,
): ConstantTokens {
  const channels = configuration.block_out_channels[0] ?? 0;
  const width = 4 * channels;
  const layers = ['linear_1', 'linear_2'].map((name, i) => ({
    into: i === 0 ? channels : width,
    weight: unet.tensor(`time_embedding.${name}.weight`, [width, i === 0 ? channels : width]),
    bias: unet.tensor(`time_embedding.${name}.bias`, [width]),
  }));
  const compute = async () => {
    let hidden = timestepEmbedding(configuration, timestep);
    for (const { into, weight, bias } of layers) {
      const product = multiplyTransposed(hidden, 1, into, await weight(), width);
      const added = await bias();
      hidden = product.map((value, i) => silu(value + (added[i] ?? 0)));
    }
    return hidden;
  };
  let known: Promise<Float32Array> | undefined;
  return { rows: 1, width, read: () => (known ??= compute()) };
}

/** diffusers.models.embeddings.get_timestep_embedding: sines and cosines of the step at falling frequencies. */
export function timestepEmbedding(configuration: TimeEmbeddingConfiguration, timestep: number): Float32Array {
  const channels = configuration.block_out_channels[0] ?? 0;
  const half = channels / 2;
  const embedding = new Float32Array(channels);
  for (let i = 0; i < half; i++) {
    // In single precision, as the reference does it: at step 999 the difference can be seen in the sines.
    const exponent = Math.fround(Math.fround(-Math.log(10000) * i) / (half - configuration.freq_shift));
    const angle = Math.fround(timestep * Math.fround(Math.exp(exponent)));
    embedding[i + (configuration.flip_sin_to_cos ? half : 0)] = Math.sin(angle);
    embedding[i + (configuration.flip_sin_to_cos ? 0 : half)] = Math.cos(angle);
  }
  return embedding;
}

function silu(value: number): number {
  return value / (1 + Math.exp(-value));
}

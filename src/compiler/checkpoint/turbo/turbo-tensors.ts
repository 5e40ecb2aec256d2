import type { LoraTensorSource } from '../lora/merge.js';

/** The weights of a one-step generator, each part named as diffusers names it in the base model. */
export interface TurboTensors extends AsyncDisposable {
  /**
   * `conv_in.weight`, `down_blocks.0…`. Of a stochastic pix2pix-Turbo, `conv_in.conv_in_pretrained.*` and
   * `conv_in.conv_in_curr.*` are there in place of `conv_in.*`.
   */
  readonly unet: LoraTensorSource;
  /** `encoder.*` and `quant_conv.*` of the autoencoder. */
  readonly vaeEncoder: LoraTensorSource;
  /** `decoder.*`, with `decoder.skip_conv_1.weight` to 4, and `post_quant_conv.*`. */
  readonly vaeDecoder: LoraTensorSource;
  /** Closes the checkpoint's file. The base model's files are closed by who opened them. Idempotent. */
  close(): Promise<void>;
}

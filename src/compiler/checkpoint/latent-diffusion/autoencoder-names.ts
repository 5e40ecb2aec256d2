import { type NameRules, translateName } from './name-rules.js';

/** The decoder's levels are counted from the picture; diffusers counts them from the latent. */
const lastLevel = 3;

const rules: NameRules = [
  [/^quant_conv\./, () => 'quant_conv.'],
  [/^post_quant_conv\./, () => 'post_quant_conv.'],
  [/^encoder\.down\.(\d+)\.block\.(\d+)\./, (level, layer) => `encoder.down_blocks.${level}.resnets.${layer}.`],
  [/^encoder\.down\.(\d+)\.downsample\./, (level) => `encoder.down_blocks.${level}.downsamplers.0.`],
  [/^encoder\.mid\.block_(\d+)\./, (n = 0) => `encoder.mid_block.resnets.${n - 1}.`],
  [/^encoder\.mid\.attn_1\./, () => 'encoder.mid_block.attentions.0.'],
  [/^encoder\./, () => 'encoder.'],
  [
    /^decoder\.up\.(\d+)\.block\.(\d+)\./,
    (level = 0, layer = 0) => `decoder.up_blocks.${lastLevel - level}.resnets.${layer}.`,
  ],
  [/^decoder\.up\.(\d+)\.upsample\./, (level = 0) => `decoder.up_blocks.${lastLevel - level}.upsamplers.0.`],
  [/^decoder\.mid\.block_(\d+)\./, (n = 0) => `decoder.mid_block.resnets.${n - 1}.`],
  [/^decoder\.mid\.attn_1\./, () => 'decoder.mid_block.attentions.0.'],
  [/^decoder\./, () => 'decoder.'],
];

/** Parts of the halves, of a residual block and of the attention. */
const parts = {
  norm_out: 'conv_norm_out',
  nin_shortcut: 'conv_shortcut',
  norm: 'group_norm',
  q: 'to_q',
  k: 'to_k',
  v: 'to_v',
  proj_out: 'to_out.0',
};

/** Name in diffusers of a tensor of the autoencoder, `first_stage_model.` left out; undefined where there is none. */
export function autoencoderName(name: string): string | undefined {
  return translateName(name, rules, parts);
}

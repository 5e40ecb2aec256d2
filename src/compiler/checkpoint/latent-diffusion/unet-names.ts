import { type NameRules, translateName } from './name-rules.js';

/** Blocks of a level, in the encoder's half and in the decoder's: two layers and one that changes the size. */
const perLevel = 3;
const level = (block: number) => Math.floor(block / perLevel);
const layer = (block: number) => block % perLevel;

// Block 0 of the input blocks is the first convolution: the levels begin after it.
const rules: NameRules = [
  [/^time_embed\.0\./, () => 'time_embedding.linear_1.'],
  [/^time_embed\.2\./, () => 'time_embedding.linear_2.'],
  [/^input_blocks\.0\.0\./, () => 'conv_in.'],
  [/^input_blocks\.(\d+)\.0\.op\./, (n = 0) => `down_blocks.${level(n - 1)}.downsamplers.0.conv.`],
  [/^input_blocks\.(\d+)\.0\./, (n = 0) => `down_blocks.${level(n - 1)}.resnets.${layer(n - 1)}.`],
  [/^input_blocks\.(\d+)\.1\./, (n = 0) => `down_blocks.${level(n - 1)}.attentions.${layer(n - 1)}.`],
  [/^middle_block\.0\./, () => 'mid_block.resnets.0.'],
  [/^middle_block\.1\./, () => 'mid_block.attentions.0.'],
  [/^middle_block\.2\./, () => 'mid_block.resnets.1.'],
  // After the attention of its block, or, where the level has none, in its place.
  [/^output_blocks\.(\d+)\.[12]\.conv\./, (n = 0) => `up_blocks.${level(n)}.upsamplers.0.conv.`],
  [/^output_blocks\.(\d+)\.0\./, (n = 0) => `up_blocks.${level(n)}.resnets.${layer(n)}.`],
  [/^output_blocks\.(\d+)\.1\./, (n = 0) => `up_blocks.${level(n)}.attentions.${layer(n)}.`],
  [/^out\.0\./, () => 'conv_norm_out.'],
  [/^out\.2\./, () => 'conv_out.'],
];

/** Parts of a residual block; those of an attention are called the same in both layouts. */
const parts = {
  'in_layers.0': 'norm1',
  'in_layers.2': 'conv1',
  'emb_layers.1': 'time_emb_proj',
  'out_layers.0': 'norm2',
  'out_layers.3': 'conv2',
  skip_connection: 'conv_shortcut',
};

/** Name in diffusers of a tensor of the UNet, `model.diffusion_model.` left out; undefined where there is none. */
export function unetName(name: string): string | undefined {
  return translateName(name, rules, parts);
}

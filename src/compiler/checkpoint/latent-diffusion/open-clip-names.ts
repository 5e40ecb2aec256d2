import { type NameRules, translateName } from './name-rules.js';

const rules: NameRules = [
  [/^positional_embedding$/, () => 'text_model.embeddings.position_embedding.weight'],
  [/^token_embedding\./, () => 'text_model.embeddings.token_embedding.'],
  [/^transformer\.resblocks\.(\d+)\./, (layer) => `text_model.encoder.layers.${layer}.`],
  [/^ln_final\./, () => 'text_model.final_layer_norm.'],
];

const parts = {
  ln_1: 'layer_norm1',
  'attn.out_proj': 'self_attn.out_proj',
  ln_2: 'layer_norm2',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};

/** A third of a tensor, or all of it, under a name of its own. */
export interface NamedThird {
  readonly name: string;
  /** Which third of its rows; all of them where left out. */
  readonly third?: number;
}

/**
 * Names in transformers of a tensor of OpenCLIP's text encoder, its prefix left out; none where there is none. OpenCLIP has
 * queries, keys and values of an attention as one tensor, in this order.
 */
export function openClipNames(name: string): readonly NamedThird[] {
  const joined = /^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$/.exec(name);
  if (joined !== null) {
    const [, layer = '', kind = ''] = joined;
    return ['q_proj', 'k_proj', 'v_proj'].map((projection, third) => ({
      name: `text_model.encoder.layers.${layer}.self_attn.${projection}.${kind}`,
      third,
    }));
  }
  const found = translateName(name, rules, parts);
  return found === undefined ? [] : [{ name: found }];
}

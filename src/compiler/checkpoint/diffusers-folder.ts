import { access } from 'node:fs/promises';
import path from 'node:path';

import { ModelError } from '../../errors/errors.js';
import { openSafetensorsFile } from './safetensors/safetensors-file.js';
import { openShardedSafetensors } from './safetensors/sharded.js';
import type { TensorSource } from './tensor-source.js';
import { renamed } from './tensor-view.js';

/** A part of a model in diffusers' folder layout, by the name of its folder. */
export type DiffusersPart = 'unet' | 'vae' | 'text_encoder';

/**
 * The weights of a part of a model that lies in a folder as diffusers lays it out: `unet/`, `vae/` and `text_encoder/`, each
 * with one safetensors file, its fp16 variant, or the index of several. Full precision is taken where there is a choice.
 *
 * @throws ModelError, when there are none, or they are unsound.
 */
export async function openDiffusersPart(folder: string, part: DiffusersPart): Promise<TensorSource> {
  const stem = part === 'text_encoder' ? 'model' : 'diffusion_pytorch_model';
  const candidates = [
    `${stem}.safetensors`,
    `${stem}.safetensors.index.json`,
    `${stem}.fp16.safetensors`,
    `${stem}.safetensors.index.fp16.json`,
  ];
  for (const candidate of candidates) {
    const file = path.join(folder, part, candidate);
    if (await exists(file)) {
      const source = await (candidate.endsWith('.json') ? openShardedSafetensors(file) : openSafetensorsFile(file));
      return part === 'vae' ? withPresentAttentionNames(source) : source;
    }
  }
  throw new ModelError(
    'model-not-found',
    `${path.join(folder, part)} has no weights: looked for ${candidates.join(', ')}.`,
    { remedy: "Give a folder in diffusers' layout, with its weights as safetensors." },
  );
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

const presentNames: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
};

/**
 * An autoencoder whose attention has the names that diffusers gives it since version 0.17; its files of before
 * then say query, key, value and proj_attn. Closing it closes the source.
 */
function withPresentAttentionNames(source: TensorSource): TensorSource {
  const view = renamed(source, (name) =>
    name.replace(
      /(\.attentions\.\d+\.)(query|key|value|proj_attn)(\.(?:weight|bias))$/,
      (_, before: string, old: string, after: string) => `${before}${presentNames[old] ?? old}${after}`,
    ),
  );
  return {
    description: view.description,
    names: () => view.names(),
    describe: (name) => view.describe(name),
    read: (name) => view.read(name),
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source.close(),
  };
}

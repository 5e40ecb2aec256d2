import { stat } from 'node:fs/promises';
import path from 'node:path';

import { ModelError, UsageError } from '../errors/errors.js';
import { openDiffusersPart } from './checkpoint/diffusers-folder.js';
import { openSingleFile } from './checkpoint/latent-diffusion/single-file.js';
import { type BaseModel, openBaseModel } from './checkpoint/turbo/base-model.js';
import { readBaseConfiguration } from './networks/base-configuration.js';
import { sdTurboAutoencoder } from './networks/autoencoder-kl.js';
import { type ClipTextConfiguration, sdTurboTextEncoder } from './networks/clip-text-encoder.js';
import { sdTurboScheduler } from './networks/ddpm-scheduler.js';
import { type PromptEncoder, readClipTextConfiguration } from './networks/encode-prompt.js';
import type { GeneratorConfiguration } from './networks/one-step-generator.js';
import { sdTurboUNet } from './networks/unet-2d-condition.js';
import { type ClipTokenizer, readClipTokenizer } from './tokenizer/clip-tokenizer.js';

/** A base model, opened: what a generator is compiled from beside its checkpoint. */
export interface Base extends BaseModel, AsyncDisposable {
  readonly configuration: GeneratorConfiguration;
  readonly promptEncoder: PromptEncoder;
}

/** Shapes of all of a base's networks. */
export interface BaseConfiguration {
  readonly generator: GeneratorConfiguration;
  readonly textEncoder: ClipTextConfiguration;
}

/** What a file that holds weights alone doesn't say. */
const sdTurbo: BaseConfiguration = {
  generator: { unet: sdTurboUNet, vae: sdTurboAutoencoder, scheduler: sdTurboScheduler },
  textEncoder: sdTurboTextEncoder,
};

/**
 * Opens a base model: a folder as diffusers lays it out, or one safetensors file such as `sd_turbo.safetensors`, which says
 * nothing of its shapes, which are SD-Turbo's, and has no tokenizer.
 *
 * @param options.tokenizer - Folder of a tokenizer; a folder's own where left out.
 * @param options.singleFile - Shapes of what is in one file: tests give a smaller network's.
 * @throws ModelError, when it isn't sound or another model. UsageError, when a file is given without a tokenizer.
 */
export async function openBase(
  location: string,
  options: { readonly tokenizer?: string | undefined; readonly singleFile?: BaseConfiguration | undefined } = {},
): Promise<Base> {
  const isFile = await stat(location).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? openFile(location, options) : openFolder(location, options.tokenizer);
}

async function openFile(
  file: string,
  {
    tokenizer,
    singleFile = sdTurbo,
  }: { readonly tokenizer?: string | undefined; readonly singleFile?: BaseConfiguration | undefined },
): Promise<Base> {
  const model = await openSingleFile(file);
  try {
    if (tokenizer === undefined) {
      throw new UsageError(`${file} has no tokenizer in it, which the prompt is read with.`, {
        remedy: "Name a folder with SD-Turbo's vocab.json, merges.txt and tokenizer_config.json.",
      });
    }
    const promptEncoder = {
      tokenizer: await readNamedTokenizer(tokenizer),
      configuration: singleFile.textEncoder,
      weights: model.textEncoder,
    };
    return {
      ...{ unet: model.unet, vae: model.vae, configuration: singleFile.generator, promptEncoder },
      [Symbol.asyncDispose]: () => model.close(),
    };
  } catch (cause) {
    await model.close();
    throw cause;
  }
}

async function openFolder(folder: string, tokenizerFolder: string | undefined): Promise<Base> {
  const configuration = await readBaseConfiguration(folder);
  const [tokenizer, textEncoder] = await Promise.all([
    tokenizerFolder === undefined
      ? readClipTokenizer(path.join(folder, 'tokenizer'))
      : readNamedTokenizer(tokenizerFolder),
    readClipTextConfiguration(path.join(folder, 'text_encoder', 'config.json')),
  ]);
  const model = await openBaseModel(folder);
  try {
    const weights = await openDiffusersPart(folder, 'text_encoder');
    return {
      ...{ unet: model.unet, vae: model.vae, configuration },
      promptEncoder: { tokenizer, configuration: textEncoder, weights },
      [Symbol.asyncDispose]: async () => {
        await Promise.all([model.close(), weights.close()]);
      },
    };
  } catch (cause) {
    await model.close();
    throw cause;
  }
}

/** A tokenizer from elsewhere: those of other Stable Diffusions have the same words, but fill a prompt up differently. */
async function readNamedTokenizer(folder: string): Promise<ClipTokenizer> {
  const tokenizer = await readClipTokenizer(folder);
  const filler = tokenizer.encode('').ids.at(-1);
  if (filler !== 0) {
    throw new ModelError(
      'model-invalid',
      `The tokenizer in ${folder} fills a prompt up with token ${String(filler)}; SD-Turbo's text encoder expects token 0.`,
      { remedy: "Name SD-Turbo's own tokenizer/: that of Stable Diffusion 1 is another one." },
    );
  }
  return tokenizer;
}

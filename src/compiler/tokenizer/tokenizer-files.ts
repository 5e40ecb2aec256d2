import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { ModelError } from '../../errors/errors.js';

/** A token with a name of its own, found in a text before it is cut into words. */
export interface AddedToken {
  readonly content: string;
  /** Whether it is looked for in the lower-cased text instead of the text as given. */
  readonly normalized: boolean;
}

/** What a checkpoint's `tokenizer/` folder says. */
export interface TokenizerFiles {
  /** Id of every token. */
  readonly vocabulary: Readonly<Record<string, number>>;
  /** Pairs of tokens that become one, the most frequent first: `i n</w>`. */
  readonly merges: readonly string[];
  readonly addedTokens: readonly AddedToken[];
  readonly beginning: string;
  readonly end: string;
  readonly padding: string;
  readonly unknown: string;
  /** Tokens of a whole prompt, the first and the last included. */
  readonly length: number;
}

const token = z.union([z.string(), z.object({ content: z.string(), normalized: z.boolean().default(true) })]);
const specialTokens = z.object({
  bos_token: token.optional(),
  eos_token: token.optional(),
  pad_token: token.optional(),
  unk_token: token.optional(),
});
const configuration = specialTokens.extend({
  model_max_length: z.number().positive().optional(),
  added_tokens_decoder: z.record(z.string(), z.object({ content: z.string(), normalized: z.boolean() })).optional(),
});
const vocabularyFile = z.record(z.string(), z.number().int().nonnegative());

/** Tokens that a CLIP text encoder has places for. */
const clipLength = 77;

/**
 * Reads `vocab.json`, `merges.txt`, `tokenizer_config.json` and, where it is there, `special_tokens_map.json`.
 *
 * @throws ModelError, naming the file that is missing or isn't what it should be.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const [vocabulary, merges, config, map] = await Promise.all([
    readJson(folder, 'vocab.json', vocabularyFile),
    readText(folder, 'merges.txt'),
    readJson(folder, 'tokenizer_config.json', configuration),
    readJson(folder, 'special_tokens_map.json', specialTokens, {}),
  ]);
  // As transformers has it: the map counts more than the configuration, unless that lists the added tokens itself.
  const special = config.added_tokens_decoder === undefined ? { ...config, ...map } : config;
  const named = {
    beginning: special.bos_token ?? '<|startoftext|>',
    end: special.eos_token ?? '<|endoftext|>',
    padding: special.pad_token ?? '<|endoftext|>',
    unknown: special.unk_token ?? '<|endoftext|>',
  };
  const addedTokens = new Map<string, AddedToken>();
  for (const added of Object.values(config.added_tokens_decoder ?? {})) {
    addedTokens.set(added.content, added);
  }
  for (const added of Object.values(named)) {
    const { content, normalized } = typeof added === 'string' ? { content: added, normalized: false } : added;
    if (!addedTokens.has(content)) {
      addedTokens.set(content, { content, normalized });
    }
    if (vocabulary[content] === undefined) {
      throw invalid(folder, 'vocab.json', `it lacks the token "${content}"`);
    }
  }
  return {
    vocabulary,
    merges: merges.split(/\r?\n/u).filter((line) => line !== '' && !line.startsWith('#version')),
    addedTokens: [...addedTokens.values()],
    beginning: contentOf(named.beginning),
    end: contentOf(named.end),
    padding: contentOf(named.padding),
    unknown: contentOf(named.unknown),
    length: Math.min(config.model_max_length ?? clipLength, clipLength),
  };
}

function contentOf(value: z.infer<typeof token>): string {
  return typeof value === 'string' ? value : value.content;
}

async function readText(folder: string, name: string): Promise<string> {
  try {
    return await readFile(path.join(folder, name), 'utf8');
  } catch (cause) {
    throw invalid(folder, name, 'it could not be read', cause);
  }
}

async function readJson<T>(folder: string, name: string, schema: z.ZodType<T>, otherwise?: T): Promise<T> {
  let text: string;
  try {
    text = await readFile(path.join(folder, name), 'utf8');
  } catch (cause) {
    if (otherwise !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return otherwise;
    }
    throw invalid(folder, name, 'it could not be read', cause);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(folder, name, 'it is not of the form that CLIP tokenizers have', cause);
  }
}

function invalid(folder: string, name: string, fault: string, cause?: unknown): ModelError {
  return new ModelError('model-invalid', `${path.join(folder, name)} is no part of a CLIP tokenizer: ${fault}.`, {
    remedy:
      'Give a base model folder with tokenizer/vocab.json, merges.txt and tokenizer_config.json, as SD-Turbo has.',
    cause,
  });
}

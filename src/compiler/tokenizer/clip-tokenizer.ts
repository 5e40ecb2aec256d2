import * as huggingFace from '@huggingface/tokenizers';

import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';

interface Tokenizer {
  encode(text: string): { readonly ids: readonly number[] };
}

// The package's declarations import each other without file endings, which TypeScript resolves to nothing in an ES module
// (https://github.com/huggingface/tokenizers.js/issues/9).
const { Tokenizer } = huggingFace as unknown as {
  readonly Tokenizer: new (tokenizer: object, configuration: object) => Tokenizer;
};

/** A prompt as the text encoder takes it. */
export interface EncodedPrompt {
  /** As many ids as the text encoder has places: first token, the text's, last token, padding. */
  readonly ids: readonly number[];
  /** Whether the prompt was too long, and its end left out. */
  readonly truncated: boolean;
}

/** Words, numbers one by one and runs of signs; the English endings stand alone. CLIP's own pattern. */
const wordPattern =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/**
 * CLIP's byte-pair tokenizer with the vocabulary of a checkpoint. Gives the ids that transformers' CLIPTokenizer gives
 * for `padding="max_length", truncation=True`.
 */
export class ClipTokenizer {
  /** Ids of every encoded prompt: 77. */
  readonly length: number;
  readonly #tokenizer: Tokenizer;
  readonly #end: number;
  readonly #padding: number;

  constructor(files: TokenizerFiles) {
    const idOf = (token: string) => files.vocabulary[token] ?? 0;
    this.length = files.length;
    this.#end = idOf(files.end);
    this.#padding = idOf(files.padding);
    this.#tokenizer = new Tokenizer(description(files, idOf), {});
  }

  encode(prompt: string): EncodedPrompt {
    const { ids } = this.#tokenizer.encode(prompt);
    const truncated = ids.length > this.length;
    const kept = truncated ? [...ids.slice(0, this.length - 1), this.#end] : ids;
    const padding = Array<number>(this.length - kept.length).fill(this.#padding);
    return { ids: [...kept, ...padding], truncated };
  }
}

/**
 * Reads the tokenizer of a base model.
 *
 * @param folder - A checkpoint's `tokenizer/` folder.
 * @throws ModelError, naming the file that is missing or isn't what it should be.
 */
export async function readClipTokenizer(folder: string): Promise<ClipTokenizer> {
  return new ClipTokenizer(await readTokenizerFiles(folder));
}

/** What a `tokenizer.json` would say; the published base has only the older files that it would be made from. */
function description(files: TokenizerFiles, idOf: (token: string) => number): object {
  return {
    added_tokens: files.addedTokens.map(({ content, normalized }) => ({
      id: idOf(content),
      content,
      normalized,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        // JavaScript lower-cases a sigma at the end of a word to its final form; the reference, letter by letter, never.
        { type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: wordPattern }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [files.end, idOf(files.end)],
      cls: [files.beginning, idOf(files.beginning)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      unk_token: files.unknown,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: files.vocabulary,
      merges: files.merges,
    },
  };
}

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ModelError } from '../../../dist/errors/errors.js';
import { readClipTokenizer } from '../../../dist/compiler/tokenizer/clip-tokenizer.js';

interface Prompt {
  readonly text: string;
  /** Without the padding. */
  readonly ids: readonly number[];
}

const fixtures = path.join(import.meta.dirname, '../../fixtures');
const small = path.join(fixtures, 'networks/base/tokenizer');
const whole = path.join(import.meta.dirname, '../../.cache/clip-tokenizer');

function prompts(file: string): readonly Prompt[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Prompt[];
}

async function expectSameIds(folder: string, cases: readonly Prompt[], padding: number): Promise<void> {
  const tokenizer = await readClipTokenizer(folder);
  const different = cases.filter(({ text, ids }) => {
    const padded = [...ids, ...Array<number>(77 - ids.length).fill(padding)];
    return JSON.stringify(tokenizer.encode(text).ids) !== JSON.stringify(padded);
  });
  expect(different.map(({ text }) => text)).toEqual([]);
}

describe('the tokenizer of a base model', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(path.join(tmpdir(), 'vid2vid-turbo-tokenizer-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  it('gives the ids of transformers for two hundred strings, padded with "!"', async () => {
    const cases = prompts(path.join(fixtures, 'tokenizer/prompts.json'));
    expect(cases.length).toBeGreaterThan(200);
    await expectSameIds(small, cases, 0);
  });

  it('takes the other configuration, padded with the last token', async () => {
    const folder = path.join(scratch, 'plain');
    cpSync(small, folder, { recursive: true });
    cpSync(path.join(fixtures, 'tokenizer/plain'), folder, { recursive: true });
    const vocabulary = JSON.parse(readFileSync(path.join(small, 'vocab.json'), 'utf8')) as Record<string, number>;
    const cases = prompts(path.join(fixtures, 'tokenizer/plain-prompts.json'));
    await expectSameIds(folder, cases, vocabulary['<|endoftext|>'] ?? NaN);
  });

  const missing = !existsSync(whole) && "CLIP's whole vocabulary: run test/oracle/make-tokenizer-fixtures.py";
  it.skipIf(missing)(
    `gives the same ids with CLIP's whole vocabulary${missing ? ` [needs ${missing}]` : ''}`,
    async () => {
      await expectSameIds(whole, prompts(path.join(whole, 'prompts.json')), 0);
    },
  );

  it('says when a prompt is too long, and keeps its last token', async () => {
    const tokenizer = await readClipTokenizer(small);
    const { ids, truncated } = tokenizer.encode('a '.repeat(76));
    expect(truncated).toBe(true);
    expect(ids).toHaveLength(77);
    expect(ids.at(-1)).toBe(tokenizer.encode('').ids[1]);
    expect(tokenizer.encode('a '.repeat(75)).truncated).toBe(false);
  });

  it.each([
    ['vocab.json', undefined, 'could not be read'],
    ['vocab.json', '{"a": "b"}', 'not of the form'],
    ['vocab.json', '{"a": 1}', 'lacks the token'],
    ['merges.txt', undefined, 'could not be read'],
    ['tokenizer_config.json', '{', 'not of the form'],
    ['special_tokens_map.json', '{"pad_token": 5}', 'not of the form'],
  ])('names the file that is at fault: %s %s', async (name, text, fault) => {
    const folder = path.join(scratch, `fault-${name}-${String(text).length}`);
    mkdirSync(folder);
    cpSync(small, folder, { recursive: true });
    rmSync(path.join(folder, name));
    if (text !== undefined) {
      writeFileSync(path.join(folder, name), text);
    }
    const failure: unknown = await readClipTokenizer(folder).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(String(failure)).toContain(path.join(folder, name));
    expect(String(failure)).toContain(fault);
  });
});

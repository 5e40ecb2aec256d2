import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { InputError } from '../errors/errors.js';

/** A number in the name of a file, as printf has it: `%d`, `%05d`. */
const numberPattern = /%(?:0?(\d*))d/;

/** Whether a path names an image sequence, `frames/%05d.png`, and no file that is really called so. */
export function isSequence(path: string): boolean {
  return numberPattern.test(basename(path)) && !existsSync(path);
}

/** Pictures of a sequence that are there: their names by number. */
export async function picturesOf(path: string): Promise<ReadonlyMap<number, string>> {
  const [before = '', after = ''] = basename(path)
    .split(numberPattern, 3)
    .filter((_, index) => index !== 1);
  const pictures = new Map<number, string>();
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const digits = name.slice(before.length, name.length - after.length);
    if (name.startsWith(before) && name.endsWith(after) && /^\d+$/.test(digits)) {
      pictures.set(Number(digits), name);
    }
  }
  return pictures;
}

/**
 * Number of a sequence's first picture.
 *
 * @throws InputError when there is none, or one is missing in between: ffmpeg would end there without a word.
 */
export async function firstNumber(path: string): Promise<number> {
  const numbers = [...(await picturesOf(path)).keys()].sort((a, b) => a - b);
  const [first] = numbers;
  if (first === undefined) {
    throw new InputError('input-not-found', `No picture is called "${path}".`, {
      remedy: 'A pattern has the number of digits, as in frames/%05d.png for frames/00001.png.',
    });
  }
  const gap = numbers.findIndex((number, index) => number !== first + index);
  if (gap > 0) {
    throw new InputError('input-truncated', `"${path}" has a gap: picture ${first + gap} is missing.`, {
      remedy: 'Number the pictures one after the other.',
    });
  }
  return first;
}

import { dirname, extname, join, basename } from 'node:path';

import { UsageError } from '../errors/errors.js';
import { imageFormatOf } from '../image/still-picture.js';
import { outputExtensions } from '../video/containers.js';
import { isUrl } from '../video/ffmpeg/allow-list.js';
import { isSequence } from '../video/sequence.js';

/**
 * Where the translation of an input goes when nothing is said: beside it, `drive.mp4` as `drive-night.mp4`.
 *
 * @param input - The input's path.
 * @param effect - The effect; what follows its last dash names the file.
 * @throws UsageError for inputs that have no place of their own.
 */
export function defaultOutput(input: string, effect: string): string {
  if (input === '-') {
    return '-';
  }
  if (isUrl(input) || isSequence(input)) {
    throw new UsageError(`Say where the translation of "${input}" is to go.`, {
      remedy: 'Name an output after the input: vid2vid-turbo translate <input> <output>.',
    });
  }
  const suffix = extname(input);
  const kept = imageFormatOf(input) !== undefined || outputExtensions.includes(suffix.slice(1).toLowerCase());
  const result = effect.slice(effect.lastIndexOf('-') + 1);
  return join(dirname(input), `${basename(input, suffix)}-${result}${kept ? suffix : '.mp4'}`);
}

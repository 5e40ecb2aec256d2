import { findModel } from '../catalogue/find-model.js';
import { FfmpegError, throwIfCanceled } from '../errors/errors.js';
import { probeCapabilities } from '../video/ffmpeg/capabilities.js';
import { locateFfmpeg } from '../video/ffmpeg/locate.js';
import { assertStrength } from './conditions.js';
import { openLiveSource } from './open-source.js';
import { OutputSet } from './output-set.js';
import { Translation } from './translation.js';
import type { LiveTranslation, LiveTranslationOptions } from './types.js';

/**
 * Begins to translate a live stream. It resolves when all that can be checked is checked; pictures come when
 * {@link LiveStatus} says `live`. A source that is lost, later or from the start, is tried again until it works.
 *
 * @throws {@link UsageError} for options that can't be right, {@link InputError} for a file that is no video or a camera
 * that isn't there, {@link ModelError}, {@link OutputError} and {@link FfmpegError} for what is at fault.
 * @example
 * ```ts
 * await using live = await openLiveTranslation({
 *   source: { kind: 'file', path: 'drive.mp4', loop: true },
 *   onAccessUnit: (unit) => socket.send(unit.data),
 * });
 * ```
 * @group Live
 */
export async function openLiveTranslation(options: LiveTranslationOptions): Promise<LiveTranslation> {
  const { signal, effect, strength = 1, overwrite = false } = options;
  throwIfCanceled(signal);
  assertStrength(strength);
  const programs = await locateFfmpeg(options.ffmpeg);
  const [capabilities, model] = await Promise.all([
    probeCapabilities(programs.ffmpeg),
    findModel({ effect, model: options.model, onNotice: options.onNotice }),
  ]);
  if (!capabilities.encoders.has('libx264')) {
    throw new FfmpegError('encoder-missing', `"${programs.ffmpeg}" has no encoder libx264, which live streams need.`, {
      remedy: 'Install a full ffmpeg, or leave --ffmpeg out to use the bundled one.',
    });
  }
  const onNotice = (notice: string) => options.onNotice?.(notice);
  const outputs = await OutputSet.prepare({ outputs: options.outputs ?? [], programs, overwrite, onNotice });
  const source = await openLiveSource(options, programs, capabilities);
  const translation = new Translation(options, { programs, capabilities, model, outputs, source });
  translation.start();
  return translation;
}

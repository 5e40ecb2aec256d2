import { UsageError } from '../errors/errors.js';
import { liveFilters } from '../video/live/decode-filters.js';
import type { FfmpegCapabilities } from '../video/ffmpeg/capabilities.js';
import type { FfmpegPrograms } from '../video/ffmpeg/locate.js';
import type { LiveSource } from '../video/live/live-frame.js';
import { assertMayOpen, planCamera, planFile, planUrl } from '../video/live/live-inputs.js';
import { PushedSource } from '../video/live/pushed-source.js';
import { StreamSource } from '../video/live/stream-source.js';
import type { LiveTranslationOptions } from './types.js';

/** Largest side of pictures that may be pushed. */
const largestSide = 4096;

/**
 * The source that was asked for, not started yet. What can be known without opening it is found out here: a file that isn't
 * one, a camera that isn't there, a protocol that isn't opened.
 */
export async function openLiveSource(
  { source, size, frameRate, signal, onCredit, onKeyFrameNeeded }: LiveTranslationOptions,
  programs: FfmpegPrograms,
  capabilities: FfmpegCapabilities,
): Promise<LiveSource> {
  const options = { size, frameRate, programs, capabilities, signal: signal ?? new AbortController().signal };
  // Throws for a size or rate that can't be.
  liveFilters(options);
  switch (source.kind) {
    case 'file': {
      const plan = () => planFile(source.path, options);
      return new StreamSource({ ...options, plan, first: await plan(), loop: source.loop ?? false });
    }
    case 'camera': {
      const plan = () => planCamera(source.device, options);
      return new StreamSource({ ...options, plan, first: await plan(), loop: false });
    }
    case 'url':
      await assertMayOpen(source.url);
      return new StreamSource({ ...options, plan: () => planUrl(source.url, options), loop: false });
    case 'pushed': {
      const { codec, width, height } = source;
      if (![width, height].every((side) => Number.isInteger(side) && side >= 16 && side <= largestSide)) {
        throw new UsageError(`Pictures of ${width}x${height} can't be pushed.`, {
          remedy: `Both sides have to be from 16 to ${largestSide}.`,
        });
      }
      return new PushedSource({
        ...{ codec, width, height, size, programs, capabilities },
        onCredit: (pictures) => onCredit?.(pictures),
        onKeyFrameNeeded: () => onKeyFrameNeeded?.(),
      });
    }
  }
}

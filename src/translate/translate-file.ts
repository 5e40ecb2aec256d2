import { findModel } from '../catalogue/find-model.js';
import { InputError, throwIfCanceled } from '../errors/errors.js';
import { toSeconds } from '../frame/frame.js';
import { createGenerator, createStillGenerator } from '../generator/generator.js';
import type { ModelPackage } from '../generator/model-package.js';
import { pump } from '../pipeline/pump.js';
import { containerFor } from '../video/containers.js';
import { assertMayWrite } from '../video/output-target.js';
import { openSink } from '../video/sink.js';
import { openSource, type VideoSource } from '../video/source.js';
import { conditionsAt } from './conditions.js';
import { defaultOutput } from './default-output.js';
import { parseTime, resolveTranslateOptions, type ResolvedTranslateOptions } from './options.js';
import { ProgressReporter } from './progress.js';
import { spoolStandardInput } from './standard-input.js';
import { summarize } from './summary.js';
import { isStillPicture, translateImage } from './translate-image.js';
import type { TranslateOptions, TranslateSummary } from './types.js';

/** What the functions of one translation share. */
interface Work {
  readonly input: string;
  readonly output: string;
  readonly options: ResolvedTranslateOptions;
  readonly callbacks: Pick<TranslateOptions, 'signal' | 'onProgress' | 'onNotice'>;
  readonly model: ModelPackage;
  readonly began: number;
}

/**
 * Translates a video (or a single picture) into another: every frame once and in order, sound, subtitles, chapters,
 * tags, timing and colours kept. The output appears under its name when it is complete, not before.
 *
 * @param input - Path, URL, image sequence (`frames/%05d.png`), or `-` for standard input.
 * @param output - Path, image sequence, URL, or `-` for standard output. Default: beside the input, named for the effect.
 * @param options - See {@link TranslateOptions}.
 * @returns An account of what was done.
 * @throws {@link UsageError} for options that can't be right, {@link InputError}, {@link OutputError},
 * {@link ModelError}, {@link DeviceError} and {@link FfmpegError} for what is at fault, {@link CanceledError} when
 * `options.signal` stopped it.
 * @example
 * ```ts
 * const summary = await translateFile('drive.mp4', 'drive-night.mp4', { effect: 'day-to-night' });
 * console.log(`${summary.framesOut} frames, ${summary.fps} a second`);
 * ```
 * @group Translating
 */
export async function translateFile(
  input: string,
  output?: string,
  options: TranslateOptions = {},
): Promise<TranslateSummary> {
  const began = performance.now();
  const { signal, onProgress, onNotice, ...settings } = options;
  const callbacks = { signal, onProgress, onNotice };
  const resolved = resolveTranslateOptions(settings);
  throwIfCanceled(signal);
  const model = await findModel({ effect: resolved.effect, model: resolved.model, onNotice });
  const to = output ?? defaultOutput(input, model.manifest.effect);
  const work = { output: to, options: resolved, callbacks, model, began };
  if (isStillPicture(input)) {
    const openGenerator = (width: number, height: number) =>
      // One picture keeps one session busy: it gets the cores.
      createStillGenerator({
        ...generatorOptions({ ...work, input }),
        sessions: resolved.sessions ?? 1,
        width,
        height,
      });
    return translateImage({ ...work, input, openGenerator });
  }
  // Found out before anything is opened: an output that no container is known for, or that may not be written.
  await assertMayWrite(to, containerFor(to, resolved.format), resolved.overwrite);
  if (input === '-') {
    await using spooled = await spoolStandardInput(signal);
    const named = (text: string) => callStandardInput(text, spooled.path);
    const told = onNotice && ((notice: string) => onNotice(named(notice)));
    const spooledWork = { ...work, input: spooled.path, callbacks: { ...callbacks, onNotice: told } };
    return await translateVideo(spooledWork).catch((error: unknown) => {
      if (error instanceof Error) {
        error.message = named(error.message);
      }
      throw error;
    });
  }
  return translateVideo({ ...work, input });
}

/** A text in which the temporary file of standard input is called what the user knows it as. */
function callStandardInput(text: string, path: string): string {
  return text.replaceAll(`"${path}"`, 'standard input').replace(/^standard/, 'Standard');
}

async function translateVideo(work: Work): Promise<TranslateSummary> {
  const { input, output, options, callbacks, model, began } = work;
  const { signal, onNotice } = callbacks;
  const range = {
    start: options.start === undefined ? undefined : parseTime(options.start),
    duration: options.duration === undefined ? undefined : parseTime(options.duration),
  };
  await using source = await openSource(input, {
    ...range,
    ...{ size: options.size, frameRate: options.frameRate, ffmpeg: options.ffmpeg, signal },
    sizeMultiple: model.manifest.input.sizeMultiple,
    workingSize: options.workingSize ?? model.manifest.input.workingSize,
  });
  source.notices.forEach((notice) => onNotice?.(notice));
  await using generator = await createGenerator({ ...generatorOptions(work), ...source.format });
  await using sink = await openSink(output, source, { ...options, ...range, signal });
  sink.notices.forEach((notice) => onNotice?.(notice));

  const expected = expectedLength(source, range);
  const reporter =
    callbacks.onProgress && new ProgressReporter(callbacks.onProgress, expected.frames, expected.seconds);
  let lastSeconds = 0;
  const pumped = await pump({
    source,
    sink: {
      write: (translated, original) => {
        lastSeconds = toSeconds(translated.timestamp, source.format.timeBase);
        return sink.write(translated, original);
      },
    },
    generator,
    pool: source.pool,
    conditions: (frame) => conditionsAt(toSeconds(frame.timestamp, source.format.timeBase), options, model),
    signal,
    onFrame: (framesOut) => reporter?.frameWritten(framesOut, lastSeconds),
  });
  checkWhole(source, input, pumped.framesIn, work);
  const flushed = performance.now();
  await sink.finish();
  const milliseconds = pumped.milliseconds + performance.now() - flushed;
  return summarize({
    ...{ pumped: { ...pumped, milliseconds }, generator, output, began, size: sink.size },
    videoSeconds: lastSeconds + frameSeconds(source),
  });
}

function generatorOptions({ model, options, callbacks }: Work) {
  const { device, sessions, threads } = options;
  return { model, device, sessions, threads, signal: callbacks.signal, onNotice: callbacks.onNotice };
}

/** How much there will be, as far as the input and the range asked for tell. */
function expectedLength(source: VideoSource, range: { start: number | undefined; duration: number | undefined }) {
  const { duration, video } = source.media;
  if (duration === undefined) {
    return { seconds: range.duration, frames: undefined };
  }
  const seconds = Math.max(0, Math.min(duration - (range.start ?? 0), range.duration ?? Infinity));
  return {
    seconds,
    frames: video.frameCount === undefined ? undefined : Math.round((video.frameCount * seconds) / duration),
  };
}

/** Nominal length of a frame in seconds; 0 where the input states none. */
function frameSeconds(source: VideoSource): number {
  const rate = source.format.frameRate;
  return rate === undefined ? 0 : rate.denominator / rate.numerator;
}

/** A file whose end is missing is an error, unless that was said to be fine. */
function checkWhole(source: VideoSource, input: string, framesIn: number, { options, callbacks }: Work): void {
  if (source.truncation === undefined) {
    return;
  }
  const total = source.media.video.frameCount;
  const found = `"${input}" is cut off: ${framesIn}${total === undefined ? '' : ` of about ${total}`} frames could be read.`;
  if (!options.allowTruncated) {
    throw new InputError('input-truncated', found, {
      remedy: 'To translate as far as it goes, add --allow-truncated.',
      cause: source.truncation,
    });
  }
  callbacks.onNotice?.(found);
}

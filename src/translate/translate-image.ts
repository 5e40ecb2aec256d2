import { UsageError } from '../errors/errors.js';
import { encodePicture, imageFormatOf, pictureFormat, readPicture, storePicture } from '../image/still-picture.js';
import type { Generator } from '../generator/generator.js';
import type { ModelPackage } from '../generator/model-package.js';
import { Meter } from '../pipeline/meter.js';
import { isUrl } from '../video/ffmpeg/allow-list.js';
import { prepareOutput } from '../video/output-target.js';
import { isSequence } from '../video/sequence.js';
import { conditionsAt } from './conditions.js';
import type { ResolvedTranslateOptions } from './options.js';
import { summarize } from './summary.js';
import type { TranslateSummary } from './types.js';

/** Whether an input is a single picture. */
export function isStillPicture(input: string): boolean {
  return imageFormatOf(input) !== undefined && !isSequence(input) && !isUrl(input);
}

/** What {@link translateImage} works with. */
export interface ImageTranslation {
  /** The picture's file. */
  readonly input: string;
  /** Where the translation goes. */
  readonly output: string;
  /** Options of the translation. */
  readonly options: ResolvedTranslateOptions;
  /** The model. */
  readonly model: ModelPackage;
  /** Makes a generator for a size. */
  openGenerator(width: number, height: number): Promise<Generator>;
  /** When the work began, as `performance.now()` gives it. */
  readonly began: number;
}

/** Translates one picture. */
export async function translateImage(work: ImageTranslation): Promise<TranslateSummary> {
  const { input, output, options, model } = work;
  refuseVideoOptions(options);
  const format = pictureFormat(output, options.format);
  await using target = await prepareOutput(output, { shape: 'file' }, options.overwrite);
  const meters = { decode: new Meter(), infer: new Meter(), encode: new Meter() };
  const timed = async <T>(meter: Meter, step: () => Promise<T>) => {
    const start = performance.now();
    const result = await step();
    meter.add(performance.now() - start);
    return result;
  };
  const picture = await timed(meters.decode, () =>
    readPicture(
      input,
      options.size,
      model.manifest.input.sizeMultiple,
      options.workingSize ?? model.manifest.input.workingSize,
    ),
  );
  const { padded } = picture;
  await using generator = await work.openGenerator(padded.width, padded.height);
  const frame = { index: 0, timestamp: 0, ...padded, pixels: picture.pixels };
  const began = performance.now();
  const translation = await generator.translate(
    frame,
    new ArrayBuffer(picture.pixels.byteLength),
    conditionsAt(0, options, model),
  );
  meters.infer.add(translation.inferMilliseconds);
  await timed(meters.encode, async () => {
    const bytes = await encodePicture(picture, translation.source.pixels, translation.frame.pixels, {
      format,
      compare: options.compare,
    });
    if (output === '-') {
      process.stdout.write(bytes);
    } else {
      await storePicture(target.path, bytes);
    }
  });
  await target.commit();
  const pumped = { framesIn: 1, framesOut: 1, milliseconds: performance.now() - began, meters };
  return summarize({ pumped, generator, size: picture.outputSize, output, began: work.began, videoSeconds: undefined });
}

function refuseVideoOptions(options: ResolvedTranslateOptions): void {
  for (const option of ['codec', 'crf', 'preset', 'start', 'duration', 'frameRate'] as const) {
    if (options[option] !== undefined) {
      throw new UsageError(`options.${option}: has no meaning for a single picture.`);
    }
  }
}

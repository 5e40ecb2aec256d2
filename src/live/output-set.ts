import type { FfmpegPrograms } from '../video/ffmpeg/locate.js';
import { LiveOutput } from '../video/live/live-output.js';
import type { AccessUnit } from './pictures.js';
import type { SharedPicture } from './shared-picture.js';

/** Where outputs go, and whom they tell. */
export interface OutputSetOptions {
  readonly outputs: readonly string[];
  readonly programs: FfmpegPrograms;
  /** Whether files that are there may be replaced. */
  readonly overwrite: boolean;
  onNotice(notice: string): void;
}

/** Where else the translated stream goes, each output in the form that it takes. */
export class OutputSet implements AsyncDisposable {
  readonly #outputs: readonly LiveOutput[];

  private constructor(outputs: readonly LiveOutput[]) {
    this.#outputs = outputs;
  }

  /** Checks that all of them can be written; throws what {@link LiveOutput.prepare} throws. */
  static async prepare({ outputs, programs, ...options }: OutputSetOptions): Promise<OutputSet> {
    const program = programs.ffmpeg;
    return new OutputSet(
      await Promise.all(outputs.map((output) => LiveOutput.prepare({ ...options, output, program }))),
    );
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#outputs.length === 0;
  }

  /** Whether one takes the units that viewers get. */
  get takesUnits(): boolean {
    return this.#outputs.some(({ takes }) => takes === 'h264');
  }

  /** Gives a unit to those that take units. */
  writeUnit(unit: AccessUnit): void {
    this.#outputs.filter(({ takes }) => takes === 'h264').forEach((output) => output.write(unit));
  }

  /** Gives a picture to those that take raw ones. */
  writePicture(picture: SharedPicture): void {
    for (const output of this.#outputs.filter(({ takes }) => takes === 'raw')) {
      const { pixels: data, timestamp: timestampMicroseconds, width, height } = picture.hold().frame;
      output.write({ data, key: true, timestampMicroseconds, width, height }, () => picture.release());
    }
  }

  /** Finishes all of them: files get their names. */
  async close(): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

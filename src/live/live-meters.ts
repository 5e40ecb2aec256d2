import { RecentMeter } from '../pipeline/recent-meter.js';
import type { LiveStatistics } from './statistics.js';

/** Where a frame is lost. */
export type DropPlace = keyof LiveStatistics['dropped'];

const places: Readonly<Record<DropPlace, string>> = {
  generator: 'before the network',
  late: 'after the network, out of order',
  encoder: 'before the encoder',
};

/** Shortest and longest time between two notices of lost frames, milliseconds: they become rarer while it goes on. */
const shortestPause = 1000;
const longestPause = 60_000;

/** Counts what a live translation does. */
export class LiveMeters {
  readonly decode = new RecentMeter();
  readonly infer = new RecentMeter();
  readonly encode = new RecentMeter();
  readonly delay = new RecentMeter();
  readonly #in = new RecentMeter();
  readonly #out = new RecentMeter();
  readonly #dropped: Record<DropPlace, number> = { generator: 0, late: 0, encoder: 0 };
  readonly #onNotice: (notice: string) => void;
  #framesIn = 0;
  #framesOut = 0;
  #untold: Partial<Record<DropPlace, number>> = {};
  #pause = shortestPause;
  #nextNotice = 0;

  constructor(onNotice: (notice: string) => void) {
    this.#onNotice = onNotice;
  }

  frameIn(decodeMilliseconds: number | undefined): void {
    this.#framesIn += 1;
    this.#in.add(0);
    if (decodeMilliseconds !== undefined) {
      this.decode.add(decodeMilliseconds);
    }
  }

  frameOut(delayMilliseconds: number): void {
    this.#framesOut += 1;
    this.#out.add(0);
    this.delay.add(delayMilliseconds);
  }

  drop(place: DropPlace): void {
    this.#dropped[place] += 1;
    this.#untold[place] = (this.#untold[place] ?? 0) + 1;
    const now = performance.now();
    if (now < this.#nextNotice) {
      return;
    }
    this.#pause = now - this.#nextNotice > longestPause ? shortestPause : Math.min(2 * this.#pause, longestPause);
    this.#nextNotice = now + this.#pause;
    const counts = Object.entries(this.#untold).map(([where, count]) => `${count} ${places[where as DropPlace]}`);
    this.#untold = {};
    this.#onNotice(`Frames skipped, since newer ones had come: ${counts.join(', ')}.`);
  }

  /** What was counted. */
  snapshot(): Pick<LiveStatistics, 'framesIn' | 'framesOut' | 'fpsIn' | 'fpsOut' | 'stages' | 'delay' | 'dropped'> {
    return {
      framesIn: this.#framesIn,
      framesOut: this.#framesOut,
      fpsIn: this.#in.rate(),
      fpsOut: this.#out.rate(),
      stages: {
        decode: this.decode.percentiles(),
        infer: this.infer.percentiles(),
        encode: this.encode.percentiles(),
      },
      delay: this.delay.percentiles(),
      dropped: { ...this.#dropped },
    };
  }
}

import type { AccessUnit, LiveTracks, PushedUnit } from '../../../dist/live/pictures.js';
import type { LiveStatus, LiveTranslation, LiveTranslationOptions } from '../../../dist/live/types.js';

/** What a picture is made of where a test doesn't say. */
const defaults = {
  track: 'translated',
  codec: 'h264',
  key: false,
  discontinuity: false,
  timestampMicroseconds: 0,
  width: 640,
  height: 360,
} as const;

/**
 * Stands in the place of a live translation where a test has to say exactly which pictures come and when, and see what
 * is asked of it.
 */
export class FakeTranslation implements LiveTranslation {
  status: LiveStatus = { state: 'live', message: 'Pictures come.' };
  effect: string;
  strength: number;
  readonly model = 'fake';
  readonly streams = (['translated', 'source'] as const).flatMap((track) =>
    ['avc1.42C01E', 'jpeg'].map((codec) => ({
      ...{ track, codec, width: 640, height: 360, frameRate: 25, provider: 'cpu' as const, model: 'fake' },
    })),
  );
  /** What was asked of it, by name. */
  readonly asked: string[] = [];
  tracks: LiveTracks = {};
  readonly pushed: PushedUnit[] = [];
  /** Whether it takes what is pushed. */
  accepts = true;
  /** Loads a model: resolves when it is there. */
  load: (effect: string) => Promise<void> = () => Promise.resolve();
  readonly options: LiveTranslationOptions;
  #sequence = 0;

  constructor(options: LiveTranslationOptions) {
    this.options = options;
    this.effect = options.effect ?? 'day-to-night';
    this.strength = options.strength ?? 1;
    options.onCredit?.(2);
  }

  /** Gives a picture of `bytes` bytes. */
  emit(unit: Partial<AccessUnit> & { readonly bytes?: number } = {}): void {
    const { bytes = 1000, ...rest } = unit;
    const sequence = this.#sequence++;
    const data = new Uint8Array(bytes).fill(sequence % 256);
    this.options.onAccessUnit({ ...defaults, captureTimeMilliseconds: Date.now(), sequence, data, ...rest });
  }

  /** Changes its state. */
  tell(status: LiveStatus): void {
    this.status = status;
    this.options.onStatus?.(status);
  }

  push(unit: PushedUnit): boolean {
    this.pushed.push(unit);
    return this.accepts;
  }

  async setEffect(effect: string): Promise<void> {
    this.asked.push(`effect ${effect}`);
    await this.load(effect);
    this.effect = effect;
  }

  setStrength(strength: number): void {
    this.strength = strength;
  }

  pause(): void {
    this.asked.push('pause');
  }

  resume(): void {
    this.asked.push('resume');
  }

  requestKeyFrame(): void {
    this.asked.push('key');
  }

  setTracks(tracks: LiveTracks): void {
    this.tracks = tracks;
  }

  statistics() {
    const none = { p50: 0, p95: 0 };
    return {
      ...{ framesIn: 0, framesOut: this.#sequence, fpsIn: 25, fpsOut: 25 },
      stages: { decode: none, infer: { p50: 7, p95: 9 }, encode: none },
      delay: { p50: 40, p95: 60 },
      dropped: { generator: 3, late: 1, encoder: 2 },
      ...{ effect: this.effect, model: this.model, strength: this.strength, provider: 'cpu' as const },
      size: { width: 640, height: 360 },
    };
  }

  close(): Promise<void> {
    this.asked.push('close');
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

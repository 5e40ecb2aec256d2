import type { Generator } from '../generator/generator.js';
import type { Meter } from '../pipeline/meter.js';
import type { PumpResult } from '../pipeline/pump.js';
import type { Size } from '../video/size.js';
import type { StageTimes, TranslateSummary } from './types.js';

/** What {@link summarize} is made from. */
export interface FinishedWork {
  /** What was moved. */
  readonly pumped: PumpResult;
  /** What translated it. */
  readonly generator: Generator;
  /** Size of the picture. */
  readonly size: Size;
  /** Where it went. */
  readonly output: string;
  /** When the work began, as `performance.now()` gives it. */
  readonly began: number;
  /** Length of the video; undefined for a picture. */
  readonly videoSeconds: number | undefined;
}

/** The account of a finished translation. */
export function summarize(work: FinishedWork): TranslateSummary {
  const { pumped, generator, size, videoSeconds } = work;
  const seconds = (performance.now() - work.began) / 1000;
  return {
    type: 'summary',
    framesIn: pumped.framesIn,
    framesOut: pumped.framesOut,
    seconds: rounded(seconds, 3),
    fps: rounded((pumped.framesOut * 1000) / Math.max(pumped.milliseconds, 1), 2),
    speed: videoSeconds === undefined ? undefined : rounded(videoSeconds / seconds, 3),
    size: `${size.width}x${size.height}`,
    device: generator.provider,
    sessions: generator.sessions,
    threads: generator.threads,
    stages: {
      decode: stageTimes(pumped.meters.decode),
      infer: stageTimes(pumped.meters.infer),
      encode: stageTimes(pumped.meters.encode),
    },
    // Kilobytes on every platform: libuv converts what macOS gives in bytes.
    peakRssMb: rounded(process.resourceUsage().maxRSS / 1024, 1),
    output: work.output,
  };
}

function stageTimes(meter: Meter): StageTimes {
  return { p50: rounded(meter.percentile(0.5), 2), p95: rounded(meter.percentile(0.95), 2) };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

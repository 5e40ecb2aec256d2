import { Meter } from './meter.js';

/** So long a period is, milliseconds; what is told is of the last one to two. */
const period = 5000;

/** Times of the last seconds: what a live stream is like now, not what it was like an hour ago. */
export class RecentMeter {
  #current = new Meter();
  #before = new Meter();
  #since = performance.now();
  #count = 0;
  #countBefore = 0;

  /** Takes a time in milliseconds. */
  add(milliseconds: number): void {
    this.#turn();
    this.#current.add(milliseconds);
    this.#count += 1;
  }

  /** Median and 95th percentile; 0 where nothing was added for some seconds. */
  percentiles(): { readonly p50: number; readonly p95: number } {
    this.#turn();
    const meter = this.#countBefore > 0 ? this.#before : this.#current;
    return { p50: meter.percentile(0.5), p95: meter.percentile(0.95) };
  }

  /** How many were added, a second. */
  rate(): number {
    this.#turn();
    const elapsed = performance.now() - this.#since;
    return ((this.#count + this.#countBefore) * 1000) / Math.max(1, elapsed + (this.#countBefore > 0 ? period : 0));
  }

  #turn(): void {
    const elapsed = performance.now() - this.#since;
    if (elapsed < period) {
      return;
    }
    const missed = elapsed >= 2 * period;
    this.#before = missed ? new Meter() : this.#current;
    this.#countBefore = missed ? 0 : this.#count;
    this.#current = new Meter();
    this.#count = 0;
    this.#since += missed ? elapsed : period;
  }
}

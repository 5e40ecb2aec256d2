import type { Percentiles } from '../../../src/server/protocol.js';

/** Samples kept: a few seconds at any usual rate. */
const kept = 120;

/** Percentiles of the last few seconds' delays. */
export class DelayWindow {
  #samples: number[] = [];

  add(milliseconds: number): void {
    this.#samples.push(milliseconds);
    if (this.#samples.length > kept) {
      this.#samples.shift();
    }
  }

  clear(): void {
    this.#samples = [];
  }

  /** Undefined when there was none. */
  percentiles(): Percentiles | undefined {
    const sorted = [...this.#samples].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    const [p50, p95] = [at(0.5), at(0.95)];
    return p50 === undefined || p95 === undefined ? undefined : { p50, p95 };
  }
}

import { monitorEventLoopDelay } from 'node:perf_hooks';

import { Counter, Gauge, Registry } from 'prom-client';

import type { Channel } from './channel.js';

/** What the figures are taken from. */
export interface Measured {
  readonly channels: () => Iterable<Channel>;
  readonly viewers: () => number;
  readonly cameras: () => number;
  /** Since the start. */
  readonly totals: () => Totals;
}

/** What pages were sent, sent themselves, and were spared, since the start. */
export interface Totals {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly droppedForViewers: number;
}

/** How often the event loop's lag is looked at, milliseconds; a loop without any shows this very interval. */
const loopResolution = 10;
const prefix = 'vid2vid_turbo_';

/** The server's figures in the form that Prometheus reads. They are taken when somebody asks. */
export class Metrics implements Disposable {
  /** Media type of the text. */
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #rejected: Counter<'reason'>;
  readonly #loop = monitorEventLoopDelay({ resolution: loopResolution });

  constructor(measured: Measured) {
    this.contentType = this.#registry.contentType;
    this.#loop.enable();
    this.#rejected = new Counter({
      ...{ name: `${prefix}rejected_handshakes_total`, help: 'WebSocket handshakes refused.', labelNames: ['reason'] },
      registers: [this.#registry],
    });
    this.#ofServer(measured);
    this.#ofChannels(measured);
  }

  /** Counts a handshake that was refused. */
  rejected(reason: string): void {
    this.#rejected.inc({ reason });
  }

  /** All figures as text. */
  async text(): Promise<string> {
    const text = await this.#registry.metrics();
    this.#loop.reset();
    return text;
  }

  [Symbol.dispose](): void {
    this.#loop.disable();
    this.#registry.clear();
  }

  /** Seconds that the loop came late, at most, in so many of a hundred looks. */
  #loopLag(percent: number): number {
    return Math.max(0, this.#loop.percentile(percent) / 1e9 - loopResolution / 1000);
  }

  #ofServer({ viewers, cameras, totals }: Measured): void {
    this.#gauge('viewers', 'Pages connected.', [], () => [[{}, viewers()]]);
    this.#gauge('cameras', "Pages' cameras that are on.", [], () => [[{}, cameras()]]);
    this.#gauge('resident_memory_bytes', 'Memory of this process.', [], () => [[{}, process.memoryUsage.rss()]]);
    this.#gauge('event_loop_delay_seconds', 'Lag of the event loop since last asked.', ['quantile'], () =>
      [50, 99].map((percent) => [{ quantile: String(percent / 100) }, this.#loopLag(percent)]),
    );
    this.#counter('sent_bytes_total', 'Bytes sent to viewers.', [], () => [[{}, totals().sentBytes]]);
    this.#counter('received_bytes_total', "Bytes of cameras' pictures.", [], () => [[{}, totals().receivedBytes]]);
    this.#counter('dropped_for_viewers_total', 'Pictures not sent to viewers who were too slow.', [], () => [
      [{}, totals().droppedForViewers],
    ]);
  }

  #ofChannels({ channels }: Measured): void {
    const each = (read: (channel: Channel) => Sample[]) => () =>
      [...channels()].flatMap((channel) =>
        read(channel).map(([labels, value]): Sample => [{ channel: channel.name, ...labels }, value]),
      );
    const statistics = (channel: Channel) => channel.statistics();
    this.#gauge(
      'fps',
      'Translated pictures a second.',
      ['channel'],
      each((one) => [[{}, statistics(one).fpsOut]]),
    );
    this.#gauge(
      'source_fps',
      'Pictures a second from the source.',
      ['channel'],
      each((one) => [[{}, statistics(one).fpsIn]]),
    );
    this.#gauge(
      'watchers',
      'Pages that watch.',
      ['channel'],
      each((one) => [[{}, one.viewers]]),
    );
    this.#gauge(
      ...(['stage_seconds', 'Time of a picture in a stage.', ['channel', 'stage', 'quantile']] as const),
      each((one) => Object.entries(statistics(one).stages).flatMap(([stage, times]) => quantiles(times, { stage }))),
    );
    this.#gauge(
      ...(['delay_seconds', 'From capture to the coded picture.', ['channel', 'quantile']] as const),
      each((one) => quantiles(statistics(one).delay, {})),
    );
    this.#counter(
      'frames_total',
      'Pictures translated.',
      ['channel'],
      each((one) => [[{}, statistics(one).framesOut]]),
    );
    this.#counter(
      ...(['dropped_frames_total', 'Pictures that newer ones took the place of.', ['channel', 'place']] as const),
      each((one) => Object.entries(statistics(one).dropped).map(([place, count]) => [{ place }, count])),
    );
  }

  #gauge(name: string, help: string, labelNames: readonly string[], read: () => readonly Sample[]): void {
    new Gauge({
      ...{ name: prefix + name, help, labelNames, registers: [this.#registry] },
      collect() {
        this.reset();
        read().forEach(([labels, value]) => this.set(labels, value));
      },
    });
  }

  #counter(name: string, help: string, labelNames: readonly string[], read: () => readonly Sample[]): void {
    new Counter({
      ...{ name: prefix + name, help, labelNames, registers: [this.#registry] },
      collect() {
        this.reset();
        read().forEach(([labels, value]) => this.inc(labels, value));
      },
    });
  }
}

type Sample = readonly [labels: Record<string, string>, value: number];

function quantiles(
  { p50, p95 }: { readonly p50: number; readonly p95: number },
  labels: Record<string, string>,
): Sample[] {
  return [
    [{ ...labels, quantile: '0.5' }, p50 / 1000],
    [{ ...labels, quantile: '0.95' }, p95 / 1000],
  ];
}

import type { ProviderName } from '../generator/execution-providers.js';

/**
 * Milliseconds that half, and nineteen in twenty, of the last seconds' frames stayed within; 0 where there were none.
 *
 * @group Live
 */
export interface LivePercentiles {
  /** Median. */
  readonly p50: number;
  /** 95th percentile. */
  readonly p95: number;
}

/**
 * What a live translation is doing.
 *
 * @group Live
 */
export interface LiveStatistics {
  /** Frames that came from the source since the start. */
  readonly framesIn: number;
  /** Frames translated and encoded since the start. */
  readonly framesOut: number;
  /** Frames a second that come in, over the last seconds. */
  readonly fpsIn: number;
  /** Frames a second that go out, over the last seconds. */
  readonly fpsOut: number;
  /** Where a frame's time goes: decoding (as far as it can be told), inside the network, encoding. */
  readonly stages: {
    /** From the source's giving a frame to its pixels being here. */
    readonly decode: LivePercentiles;
    /** Inside the network. */
    readonly infer: LivePercentiles;
    /** In the encoder. */
    readonly encode: LivePercentiles;
  };
  /** From capture (of a pushed picture: from its arrival) to the encoded picture. */
  readonly delay: LivePercentiles;
  /** Frames that newer ones took the place of, by where: before the network, after it out of order, before the encoder. */
  readonly dropped: {
    /** Before the network. */
    readonly generator: number;
    /** After it: a later frame had already come out. */
    readonly late: number;
    /** Before the encoder. */
    readonly encoder: number;
  };
  /** Name of the effect. */
  readonly effect: string;
  /** Id of the model. */
  readonly model: string;
  /** How much of the effect. */
  readonly strength: number;
  /** Where the network runs; undefined until it does. */
  readonly provider: ProviderName | undefined;
  /** Size that is worked at; undefined until a source told its own. */
  readonly size:
    | {
        /** Pixels a row. */
        readonly width: number;
        /** Rows. */
        readonly height: number;
      }
    | undefined;
}

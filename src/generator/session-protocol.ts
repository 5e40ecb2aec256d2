import type { InferenceSession } from 'onnxruntime-node';

import type { ModelState } from './manifest.js';

/** What a session's worker is started with. */
export interface SessionSetup {
  /** Path of the graph, or its bytes. */
  readonly graph: string | Uint8Array;
  /** Name of the frame input. */
  readonly input: string;
  /** Name of the output. */
  readonly output: string;
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** The numbers the graph takes, with the values of the warm-up run. */
  readonly conditions: readonly SessionCondition[];
  /** What the graph hands itself from frame to frame. It stays in the worker. */
  readonly states: readonly ModelState[];
  /** Values of the graph's free dimensions, by name: they are fixed before it is loaded. */
  readonly freeDimensions: Readonly<Record<string, number>>;
  /** What onnxruntime is to run it on. */
  readonly executionProviders: readonly InferenceSession.ExecutionProviderConfig[];
  /** Threads that share one run. */
  readonly threads: number;
  /** Memory of the {@link RunGuard}. */
  readonly guard: SharedArrayBuffer;
}

/** A number that the graph takes. */
interface SessionCondition {
  /** Name of the graph's input. */
  readonly input: string;
  /** `[1]` or `[]`. */
  readonly shape: readonly number[];
  /** Value where a run brings none. */
  readonly value: number;
}

/** What the main thread asks of the worker. Buffers are moved, not copied. */
export type SessionRequest =
  | {
      readonly type: 'run';
      readonly id: number;
      readonly input: ArrayBuffer;
      readonly output: ArrayBuffer;
      /** Values by the graph's input names. */
      readonly conditions: Readonly<Record<string, number>>;
    }
  /** The next run is the first of a sequence. */
  | { readonly type: 'reset' }
  | { readonly type: 'close' };

/** What the worker answers. */
export type SessionReply =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly input: ArrayBuffer;
      readonly output: ArrayBuffer;
      readonly inferMilliseconds: number;
    }
  | { readonly type: 'error'; readonly id: number; readonly message: string };

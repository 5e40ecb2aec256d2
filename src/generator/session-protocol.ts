import type { InferenceSession } from 'onnxruntime-node';

import type { ModelState } from './manifest.js';

/** What a session's worker is started with. */
export interface SessionSetup {
  /** Path of the graph, or its bytes. */
  readonly graph: string | Uint8Array;
  /** Folder of the graph's file, where its weights are if they are in files of their own. */
  readonly folder: string;
  /** Which half of a network the graph is, where it is one. */
  readonly stage?: SessionStage | undefined;
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

/** One half of a network. It takes the frame and the conditions as the whole does. */
export type SessionStage = {
  /** Name of the float32 tensor that the first half hands the second. */
  readonly tensor: string;
} & (
  | {
      /** It remembers, and draws no picture. */
      readonly half: 'first';
      readonly shape?: undefined;
    }
  | {
      /** It draws the picture, and remembers nothing. */
      readonly half: 'second';
      /** Shape of the tensor. */
      readonly shape: readonly number[];
    }
);

/** The memory that a run reads and writes. It moves to the worker, and back with the answer. */
export interface RunBuffers {
  /** The frame. */
  readonly input: ArrayBuffer;
  /** For the picture; a first half moves it along untouched. */
  readonly output: ArrayBuffer;
  /** Of the tensor that goes from half to half. A first half that is brought none makes it. */
  readonly handover?: ArrayBuffer | undefined;
}

/** The buffers to move with a message. */
export function transferable({ input, output, handover }: RunBuffers): readonly ArrayBuffer[] {
  return handover === undefined ? [input, output] : [input, output, handover];
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
      readonly buffers: RunBuffers;
      /** Values by the graph's input names. */
      readonly conditions: Readonly<Record<string, number>>;
    }
  /** The next run is the first of a sequence. */
  | { readonly type: 'reset' }
  | { readonly type: 'close' };

/** What the worker answers. */
export type SessionReply =
  /** A first half says what it will hand over. */
  | { readonly type: 'ready'; readonly handoverShape: readonly number[] | undefined }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly buffers: RunBuffers;
      readonly inferMilliseconds: number;
    }
  | { readonly type: 'error'; readonly id: number; readonly message: string };

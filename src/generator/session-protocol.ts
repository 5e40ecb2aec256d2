import type { InferenceSession } from 'onnxruntime-node';

import type { ModelState } from './manifest.js';

/** What a session's worker is started with. */
export interface SessionSetup {
  /** Path of the graph, or its bytes. */
  readonly graph: string | Uint8Array;
  /** Folder of the graph's file, where its weights are if they are in files of their own. */
  readonly folder: string;
  /** Which stage of a network the graph is, where it is one. */
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

/** One stage of a network. It takes the frame and the conditions as the whole does. */
export interface SessionStage {
  /** Its place among the network's stages, from 1. */
  readonly number: number;
  /** What it is handed by the stage before; nothing for the first. */
  readonly takes: readonly HandedTensor[];
  /** Names of the float32 tensors that it hands the next stage; none for the last, which draws the picture. */
  readonly gives: readonly string[];
}

/** A float32 tensor that goes from one stage of a network to the next. */
export interface HandedTensor {
  readonly tensor: string;
  readonly shape: readonly number[];
}

/** The memory that a run reads and writes. It moves to the worker, and back with the answer. */
export interface RunBuffers {
  /** The frame. */
  readonly input: ArrayBuffer;
  /** For the picture; all stages but the last move it along untouched. */
  readonly output: ArrayBuffer;
  /** Of the tensors that the stage before has given, in their order. */
  readonly taken?: readonly ArrayBuffer[] | undefined;
  /** For the tensors that go to the next stage, in their order. Where a stage is brought none, it makes them. */
  readonly given?: readonly ArrayBuffer[] | undefined;
}

/** The buffers to move with a message. */
export function transferable({ input, output, taken = [], given = [] }: RunBuffers): readonly ArrayBuffer[] {
  return [input, output, ...taken, ...given];
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
  /** A stage says of which shape is what it will give the next one. */
  | { readonly type: 'ready'; readonly gives: readonly HandedTensor[] }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly buffers: RunBuffers;
      readonly inferMilliseconds: number;
    }
  | { readonly type: 'error'; readonly id: number; readonly message: string };

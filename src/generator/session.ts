import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { CanceledError, DeviceError } from '../errors/errors.js';
import { executionProviders } from './execution-providers.js';
import { guardProcessExit, RunGuard } from './run-guard.js';
import { explainRunFailure, explainStartFailure, type SessionPurpose } from './session-failure.js';
import {
  type HandedTensor,
  type RunBuffers,
  type SessionReply,
  type SessionRequest,
  type SessionSetup,
  transferable,
} from './session-protocol.js';

/** What {@link Session.open} needs. */
export type SessionOptions = SessionPurpose &
  Omit<SessionSetup, 'graph' | 'folder' | 'guard' | 'executionProviders'> & {
    /** The graph's bytes, where it isn't the file `graph` as it is. */
    readonly graphBytes?: Uint8Array;
    /** Stops the start; a session that is open is stopped by {@link Session.close}. */
    readonly signal?: AbortSignal | undefined;
    /** The worker's file; tests put a faulty one in its place. */
    readonly workerFile?: URL;
  };

/** What a run gives back: the buffers, and how long the network took. */
export interface SessionRun extends RunBuffers {
  readonly inferMilliseconds: number;
}

interface Pending<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** One network, or one stage of one, loaded in one worker thread that this object owns. */
export class Session implements AsyncDisposable {
  /** How many frames it works on at once. */
  readonly stages = 1;
  readonly #worker: Worker;
  readonly #purpose: SessionPurpose;
  readonly #guard = new RunGuard();
  readonly #pending = new Map<number, Pending<SessionRun>>();
  readonly #ready: Promise<void>;
  #starting: Pending<void> | undefined;
  readonly #exited: Promise<void>;
  #gives: readonly HandedTensor[] = [];
  #nextId = 0;
  #ended: Error | undefined;

  /**
   * Starts the worker, loads the graph and lets it warm up.
   *
   * @throws {@link ModelError} or {@link DeviceError} when it can't; its worker is gone by then.
   */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    const stop = () => void session.close();
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted) {
      stop();
    }
    try {
      await session.#ready;
      return session;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', stop);
    }
  }

  private constructor(options: SessionOptions) {
    const { graph, provider, stage } = options;
    this.#purpose = { graph, provider, stage };
    const workerData: SessionSetup = {
      graph: options.graphBytes ?? graph,
      folder: path.dirname(graph),
      stage,
      input: options.input,
      output: options.output,
      width: options.width,
      height: options.height,
      conditions: options.conditions,
      states: options.states,
      freeDimensions: options.freeDimensions,
      executionProviders: executionProviders[provider].executionProviders,
      threads: options.threads,
      guard: this.#guard.memory,
    };
    // No flags of the process: a worker started under `node --input-type=module` would refuse its file.
    this.#worker = new Worker(options.workerFile ?? new URL('./session-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
      name: `vid2vid-turbo session${stage ? `, stage ${stage.number}` : ''}`,
    });
    const release = guardProcessExit(this.#guard);
    this.#ready = new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        release();
        this.#end(this.#crash(`its thread ended by itself (exit code ${code})`));
        resolve();
      });
    });
    this.#worker.on('message', (reply: SessionReply) => this.#take(reply));
    this.#worker.on('messageerror', (error) => this.#end(this.#crash(error.message)));
    this.#worker.on('error', (error) => this.#end(this.#crash(error instanceof Error ? error.message : String(error))));
  }

  /** Runs that were asked for and haven't answered. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Why it takes no more runs, once it doesn't. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /** What it gives the next stage, and of which shape that is. */
  get gives(): readonly HandedTensor[] {
    return this.#gives;
  }

  /**
   * Runs the network once. The buffers move to the worker, and back with the answer; asked for again before it has
   * answered, the next run waits in that worker and begins without a pause.
   */
  run(buffers: RunBuffers, conditions: Readonly<Record<string, number>>): Promise<SessionRun> {
    if (this.#ended !== undefined) {
      return Promise.reject(this.#ended);
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#post({ type: 'run', id, buffers, conditions }, transferable(buffers));
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
    });
  }

  /** Makes the run that is asked for next the first of a sequence; those asked for before aren't affected. */
  reset(): void {
    if (this.#ended === undefined) {
      this.#post({ type: 'reset' });
    }
  }

  /**
   * Ends the session: what is in flight is rejected with {@link CanceledError}, the run that is under way goes on to its
   * end, since it can't be interrupted, and then the worker goes.
   */
  async close(): Promise<void> {
    this.#end(new CanceledError('The session was closed.'));
    await this.#exited;
  }

  /** {@inheritDoc Session.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(reply: SessionReply): void {
    switch (reply.type) {
      case 'ready':
        this.#gives = reply.gives;
        this.#starting?.resolve();
        this.#starting = undefined;
        break;
      case 'failed':
        this.#end(explainStartFailure(reply.message, this.#purpose));
        break;
      case 'done':
        this.#settle(reply.id)?.resolve({ ...reply.buffers, inferMilliseconds: reply.inferMilliseconds });
        break;
      case 'error':
        this.#settle(reply.id)?.reject(explainRunFailure(reply.message, this.#purpose));
        break;
    }
    // An idle worker doesn't keep the process alive; one that is ending does, until it has.
    if (this.#pending.size === 0 && this.#ended === undefined) {
      this.#worker.unref();
    }
  }

  #settle(id: number): Pending<SessionRun> | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  /** Takes no more, rejects what waits, asks the worker to go. Only the first cause counts. */
  #end(cause: Error): void {
    if (this.#ended !== undefined) {
      return;
    }
    this.#ended = cause;
    this.#guard.stop();
    this.#worker.ref();
    this.#post({ type: 'close' });
    this.#starting?.reject(cause);
    this.#pending.forEach(({ reject }) => reject(cause));
    this.#pending.clear();
  }

  #post(request: SessionRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #crash(reason: string): DeviceError {
    return explainRunFailure(reason, this.#purpose);
  }
}

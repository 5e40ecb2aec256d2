/**
 * The thread in which a network runs: `InferenceSession.run()` is synchronous inside and would stop every socket and
 * pipe of the main thread (https://github.com/microsoft/onnxruntime/issues/19611; drop the worker when fixed).
 */
import { readFile, stat } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import type { InferenceSession, Tensor } from 'onnxruntime-node';

import { fixDimensions, mostBytesRewritten } from './fix-dimensions.js';
import { RunGuard } from './run-guard.js';
import { SessionHandover } from './session-handover.js';
import { SessionMemory } from './session-memory.js';
import {
  type RunBuffers,
  type SessionReply,
  type SessionRequest,
  type SessionSetup,
  transferable,
} from './session-protocol.js';

const setup = workerData as SessionSetup;
const port = parentPort;
if (port === null) {
  throw new Error('session-worker.js is to be started as a worker thread.');
}
const guard = new RunGuard(setup.guard);
if (process.platform === 'linux') {
  // The main thread moves the frames of all sessions: it goes first when cores are short. On Linux this is the priority of
  // this thread alone and of those it starts; elsewhere it would be the whole process's.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}

const session = await start();
if (session === undefined) {
  port.close();
} else {
  // Requests wait in this chain, so that a run's buffers aren't looked at before their turn and `close` comes last.
  let last = Promise.resolve();
  port.on('message', (request: SessionRequest) => {
    last = last.then(() => serve(session, request));
  });
  reply({ type: 'ready', gives: session.handover.gives });
}

/** What is made once and used by every run. */
interface Running {
  readonly session: InferenceSession;
  readonly conditions: ReadonlyMap<string, Float32Array>;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly memory: SessionMemory;
  readonly handover: SessionHandover;
  readonly tensor: (buffer: ArrayBuffer) => Tensor;
}

async function start(): Promise<Running | undefined> {
  // Loading, too, must not be interrupted.
  if (!guard.enter()) {
    return undefined;
  }
  let made: InferenceSession | undefined;
  try {
    const ort = await import('onnxruntime-node');
    // Failures are told by their errors alone: onnxruntime would also print them.
    ort.env.logLevel = 'fatal';
    const options: InferenceSession.SessionOptions = {
      executionProviders: setup.executionProviders,
      graphOptimizationLevel: 'all',
      // The plan made from the first run would be allocated beside what that run has left in the arena: without it a
      // session holds a quarter less memory, at the same speed.
      enableMemPattern: false,
      intraOpNumThreads: setup.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      // Waiting threads sleep rather than spin: ffmpeg needs the cores between two frames.
      extra: {
        session: { intra_op: { allow_spinning: '0' }, model_external_initializers_file_folder_path: setup.folder },
      },
    };
    const graph = await readGraph();
    made = await (typeof graph === 'string'
      ? ort.InferenceSession.create(graph, options)
      : ort.InferenceSession.create(graph, options));
    const running = prepare(made, ort.Tensor);
    await warmUp(running);
    return running;
  } catch (error) {
    await made?.release();
    reply({ type: 'failed', message: messageOf(error) });
    return undefined;
  } finally {
    guard.leave();
  }
}

/** The graph, its size fixed; its path, where it is too large for that. */
async function readGraph(): Promise<string | Uint8Array> {
  const { graph, freeDimensions } = setup;
  if (typeof graph !== 'string') {
    return fixDimensions(graph, freeDimensions);
  }
  const { size } = await stat(graph);
  return size > mostBytesRewritten ? graph : fixDimensions(await readFile(graph), freeDimensions);
}

/** The first run plans memory and compiles shaders; on a picture of nobody's it costs no frame its time. */
async function warmUp(running: Running): Promise<void> {
  const { memory } = running;
  const size = setup.width * setup.height * 3;
  // With a memory the second frame is another case: the graph is given what it gave.
  for (let run = 0; run < (memory.isEmpty ? 1 : 2); run++) {
    await infer(running, { input: new ArrayBuffer(size), output: new ArrayBuffer(size) }, {});
  }
  memory.reset();
}

function prepare(made: InferenceSession, TensorClass: typeof Tensor): Running {
  const conditions = new Map(setup.conditions.map(({ input }) => [input, new Float32Array(1)]));
  const feeds: Record<string, Tensor> = {};
  for (const { input, shape } of setup.conditions) {
    const data = conditions.get(input);
    if (data !== undefined) {
      feeds[input] = new TensorClass('float32', data, shape);
    }
  }
  const dimensions = [1, setup.height, setup.width, 3];
  return {
    session: made,
    conditions,
    feeds,
    memory: new SessionMemory(setup.states, TensorClass),
    handover: new SessionHandover(setup.stage, TensorClass),
    tensor: (buffer) => new TensorClass('uint8', new Uint8Array(buffer), dimensions),
  };
}

/** Runs the network on what is in the buffers; gives them back, and how long it took. */
async function infer(
  { session, conditions, feeds, memory, handover, tensor }: Running,
  { input, output, ...brought }: RunBuffers,
  values: Readonly<Record<string, number>>,
): Promise<{ readonly buffers: RunBuffers; readonly inferMilliseconds: number }> {
  for (const condition of setup.conditions) {
    conditions.get(condition.input)?.fill(values[condition.input] ?? condition.value);
  }
  const handed = handover.buffersOf(brought);
  const picture = setup.stage?.gives.length ? {} : { [setup.output]: tensor(output) };
  const begin = performance.now();
  // The picture is written into `output`, and what is handed over into `handed`; the tensors that run() also returns for
  // them are of no use. Of what it is fed it takes what the graph reads, which with one stage's may not be everything.
  const results = await session.run(
    { ...feeds, ...memory.feeds(), ...handover.feeds(handed), [setup.input]: tensor(input) },
    { ...memory.fetches(), ...handover.fetches(handed), ...picture },
  );
  memory.keep(results);
  handover.learn(results);
  return { buffers: { input, output, ...handed }, inferMilliseconds: performance.now() - begin };
}

async function serve(running: Running, request: SessionRequest): Promise<void> {
  switch (request.type) {
    case 'run':
      await runOne(running, request);
      break;
    case 'reset':
      running.memory.reset();
      break;
    case 'close':
      await end(running);
      break;
  }
}

async function runOne(running: Running, request: SessionRequest & { type: 'run' }): Promise<void> {
  if (!guard.enter()) {
    return;
  }
  const { id } = request;
  try {
    const { buffers, inferMilliseconds } = await infer(running, request.buffers, request.conditions);
    reply({ type: 'done', id, buffers, inferMilliseconds }, transferable(buffers));
  } catch (error) {
    // Half of what it was to remember may be written.
    running.memory.reset();
    reply({ type: 'error', id, message: messageOf(error) });
  } finally {
    guard.leave();
  }
}

/** Lets go of the session first: a thread that ends with one alive has been seen to end the process. */
async function end({ session }: Running): Promise<void> {
  await session.release();
  port?.close();
}

function reply(message: SessionReply, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

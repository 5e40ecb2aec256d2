const running = 0;
const stopped = 1;

/**
 * Two flags that a session's worker and its owner share. The owner says "no more runs"; the worker says "inside
 * onnxruntime now", where it must not be interrupted: ending the thread or the process then aborts with "terminate
 * called after throwing an instance of 'Napi::Error'" (https://github.com/microsoft/onnxruntime/issues/24486).
 */
export class RunGuard {
  /** Memory to hand to the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #flags: Int32Array;

  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#flags = new Int32Array(memory);
  }

  /** Worker: asks to go in; to be answered by {@link leave} when it may. False once stopped. */
  enter(): boolean {
    // First the own flag, then a look at the other's: whichever side is second sees the first.
    Atomics.store(this.#flags, running, 1);
    if (Atomics.load(this.#flags, stopped) === 0) {
      return true;
    }
    this.leave();
    return false;
  }

  /** Worker: is out again. */
  leave(): void {
    Atomics.store(this.#flags, running, 0);
    Atomics.notify(this.#flags, running);
  }

  /** Owner: no run begins from now on; one that has begun goes on to its end. */
  stop(): void {
    Atomics.store(this.#flags, stopped, 1);
  }

  /** Owner: blocks this thread until no run is under way, but no longer than so many milliseconds. */
  waitUntilIdle(milliseconds: number): void {
    Atomics.wait(this.#flags, running, 1, milliseconds);
  }
}

const longestWait = 30_000;
const guards = new Set<RunGuard>();

/**
 * Makes `process.exit()` wait for the run that is under way in a worker, rather than abort the process.
 *
 * @returns What takes the guard away again, once its worker has ended.
 */
export function guardProcessExit(guard: RunGuard): () => void {
  if (guards.size === 0) {
    process.on('exit', waitForRuns);
  }
  guards.add(guard);
  return () => {
    guards.delete(guard);
    if (guards.size === 0) {
      process.off('exit', waitForRuns);
    }
  };
}

function waitForRuns(): void {
  guards.forEach((guard) => guard.stop());
  guards.forEach((guard) => guard.waitUntilIdle(longestWait));
}

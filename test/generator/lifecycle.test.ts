import { describe, expect, test } from 'vitest';

import { type Ending, runProgram } from '../support/child-program.js';

const endWhileWorking = new URL('programs/end-while-working.mjs', import.meta.url);

// Frames 0 and 2 are the first session's, and it all ends when 0 is done: 2 can't be. The other session may be far ahead.
const secondOfFirstSession = /^done (done|canceled) canceled (done|canceled)\ncanceled$/;

/** Nothing of onnxruntime's or of Node.js's own end: an aborted process says "terminate called" and has a signal. */
function expectCleanEnd({ exitCode, signal, stderr }: Ending, code = 0): void {
  expect({ exitCode, signal, stderr }).toEqual({ exitCode: code, signal: undefined, stderr: '' });
}

/** Frame 2 can't be through all stages when frame 0 is. */
const behindFirst = /^done (done|canceled) canceled canceled\ncanceled$/;

describe('a program with frames in all stages of a network', { timeout: 300_000 }, () => {
  const arguments_ = (how: string) => [how, 'cpu', 'h8', 'h16'];

  test.each(['close', 'abort'])('ends by itself after %s, which rejects what is in flight', async (how) => {
    const ending = await runProgram(endWhileWorking, arguments_(how));
    expectCleanEnd(ending);
    expect(ending.stdout).toMatch(behindFirst);
  });

  test('ends by itself when the signal is aborted while the model loads', async () => {
    const ending = await runProgram(endWhileWorking, arguments_('abort-at-start'));
    expectCleanEnd(ending);
    expect(ending.stdout).toBe('canceled');
  });

  test('ends by itself when it forgets to close, all frames done', async () => {
    const ending = await runProgram(endWhileWorking, arguments_('forget'));
    expectCleanEnd(ending);
    expect(ending.stdout).toBe('done done done done');
  });

  test('may call process.exit(): the runs are waited for', async () => {
    expectCleanEnd(await runProgram(endWhileWorking, arguments_('exit')), 7);
  });
});

describe('a program with frames in the network', { timeout: 300_000 }, () => {
  test('ends by itself after close(), which rejects what is in flight', async () => {
    const ending = await runProgram(endWhileWorking, ['close']);
    expectCleanEnd(ending);
    expect(ending.stdout).toMatch(secondOfFirstSession);
  });

  test('ends by itself after its signal is aborted', async () => {
    const ending = await runProgram(endWhileWorking, ['abort']);
    expectCleanEnd(ending);
    expect(ending.stdout).toMatch(secondOfFirstSession);
  });

  test('ends by itself when the signal is aborted while the model loads', async () => {
    const ending = await runProgram(endWhileWorking, ['abort-at-start']);
    expectCleanEnd(ending);
    expect(ending.stdout).toBe('canceled');
  });

  test('ends by itself when it forgets to close, all frames done', async () => {
    const ending = await runProgram(endWhileWorking, ['forget']);
    expectCleanEnd(ending);
    expect(ending.stdout).toBe('done done done done');
  });

  test('may call process.exit(): the run is waited for, rather than the process aborted', async () => {
    expectCleanEnd(await runProgram(endWhileWorking, ['exit']), 7);
  });

  test('dies of a mistake elsewhere as any program does', async () => {
    const { exitCode, signal, stderr } = await runProgram(endWhileWorking, ['throw']);
    expect({ exitCode, signal }).toEqual({ exitCode: 1, signal: undefined });
    expect(stderr).toContain('Error: a mistake elsewhere');
    expect(stderr).not.toContain('terminate called');
  });
});

import { describe, expect, test } from 'vitest';

import { Session, type SessionOptions } from '../../dist/generator/session.js';
import { fixture } from '../support/models.js';

const side = 128;
const bytes = side * side * 3;
const slow: SessionOptions = {
  graph: `${fixture('slow')}/model.onnx`,
  provider: 'cpu',
  input: 'frame',
  output: 'translated',
  width: side,
  height: side,
  conditions: [],
  states: [],
  freeDimensions: { width: side, height: side },
  threads: 1,
};

function openFaulty(how: string): Promise<Session> {
  const workerFile = new URL('programs/crashing-worker.mjs', import.meta.url);
  return Session.open({ ...slow, input: how, workerFile });
}

function run(session: Session) {
  return session.run({ input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) }, {});
}

describe('a worker that goes down', () => {
  test.each([
    ['throws', /failed: out of luck$/],
    ['exits', /failed: its thread ended by itself \(exit code 9\)$/],
  ])('because it %s rejects all that is in flight, and all that follows', async (how, message) => {
    const session = await openFaulty(how);
    const failures = await Promise.allSettled([run(session), run(session)]);
    for (const failure of failures) {
      expect(failure).toMatchObject({ status: 'rejected', reason: { name: 'DeviceError', code: 'inference-failed' } });
      expect(failure).toHaveProperty('reason.message', expect.stringMatching(message));
    }
    await expect(run(session)).rejects.toThrow(message);
    expect(session.inFlight).toBe(0);
    await session.close();
  });

  test('at its start is an error, too', async () => {
    const missing = new URL('programs/no-such-worker.mjs', import.meta.url);
    await expect(Session.open({ ...slow, workerFile: missing })).rejects.toMatchObject({ name: 'DeviceError' });
  });

  test('is not one that fails at a single frame', async () => {
    const session = await openFaulty('reports');
    await expect(run(session)).rejects.toMatchObject({
      code: 'inference-failed',
      remedy: expect.stringContaining('Memory ran out') as string,
    });
    await expect(run(session)).rejects.toMatchObject({ code: 'inference-failed' });
    await session.close();
  });
});

test.each([
  ['has gone', 'no-such-model', /\/model\.onnx is not a graph that onnxruntime can load: ENOENT: .*/],
  ['was cut off', 'truncated', /\/model\.onnx is not a graph that onnxruntime can load: it is cut off.*/],
])('a graph that %s since it was checked is a model error', async (_, name, message) => {
  const graph = `${fixture(name)}/model.onnx`;
  const failure = { name: 'ModelError', code: 'model-invalid', remedy: 'Fetch or export the model again.' };
  for (const provider of ['cpu', 'cuda'] as const) {
    await expect(Session.open({ ...slow, graph, provider })).rejects.toMatchObject({
      ...failure,
      message: expect.stringMatching(message) as string,
    });
  }
});

test('timers keep firing while the network runs', async () => {
  await using session = await Session.open(slow);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const runs = await Promise.all([run(session), run(session), run(session)]);
  clearInterval(timer);
  const milliseconds = runs.reduce((sum, { inferMilliseconds }) => sum + inferMilliseconds, 0);
  // A main thread that waited would tick three times. A tenth of what an idle machine does is enough.
  expect(milliseconds).toBeGreaterThan(50);
  expect(ticks).toBeGreaterThan(Math.max(3, milliseconds / 100));
});

test('a second run waits inside the worker', async () => {
  await using session = await Session.open(slow);
  const first = run(session);
  const second = run(session);
  expect(session.inFlight).toBe(2);
  await first;
  expect(session.inFlight).toBe(1);
  await second;
  expect(session.inFlight).toBe(0);
});

test('close may be called at any time and more than once', async () => {
  const session = await Session.open(slow);
  const answer = expect(run(session)).rejects.toMatchObject({ code: 'canceled' });
  await Promise.all([session.close(), session.close(), answer]);
  await session.close();
  await expect(run(session)).rejects.toMatchObject({ code: 'canceled' });
});

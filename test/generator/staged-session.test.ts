import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

import { SessionHandover } from '../../dist/generator/session-handover.js';
import { explainStartFailure } from '../../dist/generator/session-failure.js';
import { StagedSession, type StagedSessionOptions } from '../../dist/generator/staged-session.js';
import { liveWorkers } from '../server/support/leftovers.js';
import { fixture } from '../support/models.js';

const program = (name: string) => new URL(`programs/${name}.mjs`, import.meta.url);
const bytes = 64 * 48 * 3;

/** Stages that only count, unless other workers are named. */
function openStages(options: Partial<StagedSessionOptions> = {}): Promise<StagedSession> {
  return StagedSession.open({
    graph: `${fixture('running-mean')}/model.onnx`,
    provider: 'cpu',
    input: 'frame',
    output: 'translated',
    width: 64,
    height: 48,
    conditions: [],
    states: [
      { input: 'mean', output: 'newMean', initialShape: [1, 1, 1, 3], initial: -1000 },
      { input: 'count', output: 'newCount', initialShape: [1], initial: 0 },
    ],
    freeDimensions: { width: 64, height: 48 },
    splitAt: 'sum',
    threads: [1, 1],
    workerFiles: [program('stage-worker'), program('stage-worker')],
    ...options,
  });
}

/** Frames seen since it last forgot, and buffers made so far; or an error's code. */
async function count(session: StagedSession, value = 0): Promise<number[] | string> {
  const input = new Uint8Array(bytes).fill(value).buffer;
  return session.run({ input, output: new ArrayBuffer(bytes) }, {}).then(
    ({ output }) => [...new Uint8Array(output, 0, 2)],
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('two stages', () => {
  test('hand over in the same buffers again and again, no more than were under way', async () => {
    await using session = await openStages();
    expect(await Promise.all([count(session), count(session), count(session)])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    for (let round = 1; round < 20; round++) {
      const three = await Promise.all([count(session), count(session), count(session)]);
      expect(three.map((pair) => pair[1])).toEqual([3, 3, 3]);
    }
    expect(session.inFlight).toBe(0);
  });

  test('tell the time of both', async () => {
    await using session = await openStages();
    const run = await session.run({ input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) }, {});
    expect(run.inferMilliseconds).toBe(2);
    expect([run.input.byteLength, run.output.byteLength]).toEqual([bytes, bytes]);
  });

  test('take the buffers at once', async () => {
    await using session = await openStages();
    const buffers = { input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) };
    const answer = session.run(buffers, {});
    expect([buffers.input.byteLength, buffers.output.byteLength, session.inFlight]).toEqual([0, 0, 1]);
    await answer;
  });

  test('forget where the second fails, and go on', async () => {
    await using session = await openStages();
    expect(await count(session)).toEqual([1, 1]);
    expect(await count(session, 255)).toBe('inference-failed');
    expect(await count(session)).toEqual([1, 2]);
    expect(await count(session)).toEqual([2, 2]);
  });

  test.each(['throws', 'exits', 'reports'])('reject all if one of them %s, and close', async (how) => {
    for (const workerFiles of [
      [program('crashing-worker'), program('stage-worker')],
      [program('stage-worker'), program('crashing-worker')],
    ] as const) {
      const session = await openStages({ input: how, workerFiles });
      const answers = await Promise.all([count(session), count(session), count(session)]);
      expect(answers).toEqual(['inference-failed', 'inference-failed', 'inference-failed']);
      expect(await count(session)).toBe('inference-failed');
      expect(session.inFlight).toBe(0);
      await session.close();
    }
  });

  test('are both gone if one does not start', async () => {
    const missing = program('no-such-worker');
    for (const workerFiles of [
      [missing, program('stage-worker')],
      [program('stage-worker'), missing],
    ] as const) {
      await expect(openStages({ workerFiles })).rejects.toMatchObject({ name: 'DeviceError' });
      expect(liveWorkers.size).toBe(0);
    }
  });

  test('are both gone if the first does not say what it hands over', async () => {
    await expect(openStages({ input: 'shapeless' })).rejects.toMatchObject({
      name: 'ModelError',
      message: expect.stringContaining('can\'t be split at "sum": its first half says no shape of it.') as string,
    });
    expect(liveWorkers.size).toBe(0);
  });

  test.each(['throws', 'exits'])('refuse a frame before the first is run on it, once the second %s', async (how) => {
    await using session = await openStages({
      input: how,
      workerFiles: [program('stage-worker'), program('crashing-worker')],
    });
    expect(await count(session)).toBe('inference-failed');
    const input = new ArrayBuffer(bytes);
    const answer = session.run({ input, output: new ArrayBuffer(bytes) }, {});
    expect([session.inFlight, input.byteLength]).toEqual([0, bytes]);
    await expect(answer).rejects.toMatchObject({ code: 'inference-failed' });
  });

  test('may be closed at any time and more than once', async () => {
    for (const answered of [0, 1, 2]) {
      const session = await openStages();
      const answers = [count(session), count(session), count(session), count(session)];
      await Promise.all(answers.slice(0, answered));
      await Promise.all([session.close(), session.close()]);
      expect((await Promise.all(answers)).at(-1)).toBe('canceled');
      await session.close();
      expect(await count(session)).toBe('canceled');
    }
  });
});

test('a tensor that turns out to be none of float32 is refused', () => {
  const handover = new SessionHandover({ half: 'first', tensor: 'maps' }, Tensor);
  expect(() => handover.learn({ maps: new Tensor('uint8', [1, 2], [2]) })).toThrow(
    'Tensor "maps", at which it is split, is uint8, not float32.',
  );
  handover.learn({ maps: new Tensor('float32', [1, 2], [1, 2]) });
  expect(handover.shape).toEqual([1, 2]);
  expect(handover.bufferOf(undefined)?.byteLength).toBe(8);
});

test('a first half whose tensor is declared to be none of float32 is one that cannot be split there', () => {
  const message = 'Tensor "maps", at which it is split, is uint8, not float32.';
  const purpose = { graph: 'model.onnx', provider: 'cpu', stage: { tensor: 'maps' } } as const;
  expect(explainStartFailure(message, purpose)).toMatchObject({
    name: 'ModelError',
    message: 'model.onnx can\'t be split at "maps": it is uint8, not float32.',
    remedy: expect.stringContaining('"splitAt" in the manifest') as string,
  });
  expect(explainStartFailure(message, { ...purpose, stage: { tensor: 'other' } }).message).not.toContain('split at "');
});

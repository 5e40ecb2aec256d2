import { describe, expect, test } from 'vitest';

import { StagedSession, type StagedSessionOptions } from '../../dist/generator/staged-session.js';
import { liveWorkers } from '../server/support/leftovers.js';
import { fixture } from '../support/models.js';

const program = (name: string) => new URL(`programs/${name}.mjs`, import.meta.url);
const bytes = 64 * 48 * 3;

/** Stages of a network, and which of them remembers. */
const networks = [
  { splitAt: [['sum']], stages: 2, remembers: 1 },
  { splitAt: [['nothing', 'x'], ['sum']], stages: 3, remembers: 2 },
  { splitAt: [['corner'], ['nothing']], stages: 3, remembers: 3 },
] as const;
type Network = (typeof networks)[number];
const two = networks[0];
const three = networks[1];

/** The numbers of a network's stages. */
const numbersOf = ({ stages }: Network) => Array.from({ length: stages }, (_, index) => index + 1);

/** A worker's file for each stage: one that only counts, but for one stage. */
const workersOf = (network: Network, number?: number, file = program('stage-worker')) =>
  numbersOf(network).map((own) => (own === number ? file : program('stage-worker')));

/** Stages that only count, unless other workers are named. */
function openStages(network: Network, options: Partial<StagedSessionOptions> = {}): Promise<StagedSession> {
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
    splitAt: network.splitAt,
    threads: numbersOf(network).map(() => 1),
    workerFiles: workersOf(network),
    ...options,
  });
}

/** For each stage how many frames it has seen since it last forgot, and how many buffers it has made; or an error's code. */
async function count(session: StagedSession, value = 0): Promise<{ seen: number[]; made: number[] } | string> {
  const input = new Uint8Array(bytes).fill(value).buffer;
  return session.run({ input, output: new ArrayBuffer(bytes) }, {}).then(
    ({ output }) => {
      const told = [...new Uint8Array(output, 0, 2 * session.stages - 1)];
      return { seen: told.filter((_, at) => at % 2 === 0), made: told.filter((_, at) => at % 2 === 1) };
    },
    (error: unknown) => (error as { code: string }).code,
  );
}

/** How many frames the stage that remembers has seen since it last forgot; or an error's code. */
async function remembered(
  session: StagedSession,
  { remembers }: Network,
  value = 0,
): Promise<number | string | undefined> {
  const counted = await count(session, value);
  return typeof counted === 'string' ? counted : counted.seen[remembers - 1];
}

describe.each(networks)('$stages stages, of which the $remembers. remembers,', (network) => {
  test('hand over in the same buffers again and again, no more than were under way', async () => {
    await using session = await openStages(network);
    expect(session.stages).toBe(network.stages);
    const underWay = network.stages + 1;
    for (let round = 0; round < 20; round++) {
      const all = await Promise.all(Array.from({ length: underWay }, () => count(session)));
      const expected = numbersOf(network).map(() => round * underWay);
      expect(all).toMatchObject(all.map((_, index) => ({ seen: expected.map((before) => before + index + 1) })));
      const made = all.flatMap((one) => (typeof one === 'string' ? [] : one.made));
      expect(made).toHaveLength(underWay * (network.stages - 1));
      expect(Math.max(...made)).toBeLessThanOrEqual(underWay);
    }
    expect(session.inFlight).toBe(0);
  });

  test('tell the time of all', async () => {
    await using session = await openStages(network);
    const run = await session.run({ input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) }, {});
    expect(run.inferMilliseconds).toBe(network.stages);
    expect([run.input.byteLength, run.output.byteLength]).toEqual([bytes, bytes]);
  });

  test('forget at a reset between frames under way, wherever these are', async () => {
    await using session = await openStages(network);
    const asked = [remembered(session, network), remembered(session, network)];
    session.reset();
    asked.push(remembered(session, network), remembered(session, network));
    session.reset();
    session.reset();
    asked.push(remembered(session, network));
    expect(await Promise.all(asked)).toEqual([1, 2, 1, 2, 1]);
  });

  test.each(numbersOf(network))('forget where stage %i fails, and go on', async (number) => {
    await using session = await openStages(network);
    expect(await remembered(session, network)).toBe(1);
    expect(await remembered(session, network, 250 + number)).toBe('inference-failed');
    expect(await remembered(session, network)).toBe(1);
    expect(await remembered(session, network)).toBe(2);
    expect(session.inFlight).toBe(0);
  });

  test('forget once where the stage that remembers fails, before the frames that are under way by then', async () => {
    await using session = await openStages(network);
    const values = [0, 250 + network.remembers, 0, 0, 0];
    const answers = values.map((value) => remembered(session, network, value));
    expect(await Promise.all(answers)).toEqual([1, 'inference-failed', 1, 2, 3]);
    expect(await remembered(session, network)).toBe(4);
  });

  test('begin anew even if the first frame of a sequence fails', async () => {
    await using session = await openStages(network);
    const asked = [0, 0].map((value) => remembered(session, network, value));
    session.reset();
    asked.push(...[251, 0, 0].map((value) => remembered(session, network, value)));
    expect((await Promise.all(asked)).slice(2)).toEqual(['inference-failed', 1, 2]);
  });

  test.each(['throws', 'exits', 'reports'])('reject all if one of them %s, and close', async (how) => {
    for (const number of numbersOf(network)) {
      const workerFiles = workersOf(network, number, program('crashing-worker'));
      const session = await openStages(network, { input: how, workerFiles });
      const answers = await Promise.all(Array.from({ length: network.stages + 1 }, () => count(session)));
      expect(new Set(answers)).toEqual(new Set(['inference-failed']));
      expect(await count(session)).toBe('inference-failed');
      expect(session.inFlight).toBe(0);
      await session.close();
      expect(liveWorkers.size).toBe(0);
    }
  });

  test('are all gone if one does not start', async () => {
    for (const number of numbersOf(network)) {
      const workerFiles = workersOf(network, number, program('no-such-worker'));
      await expect(openStages(network, { workerFiles })).rejects.toMatchObject({ name: 'DeviceError' });
      expect(liveWorkers.size).toBe(0);
    }
  });

  test('are all gone if one does not say what it hands over', async () => {
    for (const tensor of network.splitAt.flat()) {
      await expect(openStages(network, { input: `shapeless ${tensor}` })).rejects.toMatchObject({
        name: 'ModelError',
        message: expect.stringContaining(`can't be split at "${tensor}": what gives it says no shape of it.`) as string,
      });
      expect(liveWorkers.size).toBe(0);
    }
  });

  test.each(['throws', 'exits'])('refuse a frame before any is run on it, once one %s', async (how) => {
    for (const number of numbersOf(network)) {
      const workerFiles = workersOf(network, number, program('crashing-worker'));
      await using session = await openStages(network, { input: how, workerFiles });
      expect(await count(session)).toBe('inference-failed');
      const input = new ArrayBuffer(bytes);
      const answer = session.run({ input, output: new ArrayBuffer(bytes) }, {});
      expect([session.inFlight, input.byteLength]).toEqual([0, bytes]);
      await expect(answer).rejects.toMatchObject({ code: 'inference-failed' });
    }
  });

  test('may be closed at any time and more than once', async () => {
    for (const answered of numbersOf(network)) {
      const session = await openStages(network);
      const answers = Array.from({ length: network.stages + 2 }, () => count(session));
      await Promise.all(answers.slice(0, answered - 1));
      await Promise.all([session.close(), session.close()]);
      expect((await Promise.all(answers)).at(-1)).toBe('canceled');
      await session.close();
      expect(await count(session)).toBe('canceled');
      expect(liveWorkers.size).toBe(0);
    }
  });
});

test('stages take the buffers at once', async () => {
  await using session = await openStages(two);
  const buffers = { input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) };
  const answer = session.run(buffers, {});
  expect([buffers.input.byteLength, buffers.output.byteLength, session.inFlight]).toEqual([0, 0, 1]);
  await answer;
});

test('a stage in the middle that ends takes the frames with it that it has not been run on, and no others', async () => {
  const session = await openStages(three);
  const answers = [0, 242, 0, 0].map((value) => remembered(session, three, value));
  expect(await Promise.all(answers)).toEqual([1, 'inference-failed', 'inference-failed', 'inference-failed']);
  expect([session.inFlight, await count(session)]).toEqual([0, 'inference-failed']);
  await session.close();
  expect(liveWorkers.size).toBe(0);
});

import type { AnySession } from './open-session.js';

/** What {@link frameMilliseconds} has to know of a session. */
export type TimedSession = Pick<AnySession, 'stages' | 'run' | 'reset'>;

/**
 * Milliseconds from one frame to the next, where there are always more, on an empty picture of so many bytes. The best of
 * three rounds; of fewer, where they are slow.
 */
export async function frameMilliseconds(session: TimedSession, bytes: number): Promise<number> {
  const began = performance.now();
  let best = Infinity;
  for (let round = 0; round < 3 && performance.now() - began < 1000; round++) {
    best = Math.min(best, await (session.stages === 1 ? timeOfOne(session, bytes) : timeBetween(session, bytes)));
  }
  session.reset();
  return best;
}

async function timeOfOne(session: TimedSession, bytes: number): Promise<number> {
  const { inferMilliseconds } = await runEmpty(session, bytes);
  return inferMilliseconds;
}

/**
 * Between frames that come back, with one in each stage and one that waits: what the stages take a frame, added up, says how
 * late a frame is and not how many come. The last to come back don't count: stages that have no more to do leave their cores
 * to the others.
 */
async function timeBetween(session: TimedSession, bytes: number): Promise<number> {
  const ends: number[] = [];
  const counted = session.stages + 2;
  let given = 0;
  const give = async () => {
    while (given < counted + session.stages) {
      given += 1;
      await runEmpty(session, bytes);
      ends.push(performance.now());
    }
  };
  await Promise.all(Array.from({ length: session.stages + 1 }, give));
  return ((ends[counted - 1] ?? Infinity) - (ends[0] ?? 0)) / (counted - 1);
}

function runEmpty(session: TimedSession, bytes: number) {
  return session.run({ input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) }, {});
}

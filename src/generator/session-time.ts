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
 * Between frames that come back, with enough in flight for every stage to have one: what the stages take a frame, added
 * up, says how late a frame is and not how many come.
 */
async function timeBetween(session: TimedSession, bytes: number): Promise<number> {
  const ends = await Promise.all(
    Array.from({ length: session.stages + 2 }, async () => {
      await runEmpty(session, bytes);
      return performance.now();
    }),
  );
  return (Math.max(...ends) - Math.min(...ends)) / (ends.length - 1);
}

function runEmpty(session: TimedSession, bytes: number) {
  return session.run({ input: new ArrayBuffer(bytes), output: new ArrayBuffer(bytes) }, {});
}

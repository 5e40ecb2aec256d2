import { type InferenceSession, Tensor } from 'onnxruntime-node';

import type { ModelState } from '../../dist/generator/manifest.js';
import { SessionMemory } from '../../dist/generator/session-memory.js';

type Run = (
  feeds: Readonly<Record<string, Tensor>>,
  fetches: Readonly<Record<string, Tensor | null>>,
) => Promise<InferenceSession.OnnxValueMapType>;

/**
 * Runs the frames of one sequence, each given what the network remembered of the one before: the same memory as the
 * product's, so that neither side of the comparison allocates or copies what the other doesn't.
 */
export function withMemory(session: InferenceSession, states: readonly ModelState[]): Run {
  const memory = new SessionMemory(states, Tensor);
  return async (feeds, fetches) => {
    const results = await session.run({ ...feeds, ...memory.feeds() }, { ...fetches, ...memory.fetches() });
    memory.keep(results);
    return results;
  };
}

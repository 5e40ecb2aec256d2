import { sameShape, shapeText } from '../dimension.js';
import type { GraphBuilder, Value } from '../graph-builder.js';

/** One pass of a loop. */
export interface Pass {
  readonly state: Value;
  /** Whether another pass follows: a bool scalar. */
  readonly again: Value;
}

/**
 * Repeats `pass` on a state for as long as it asks for another one; at least once.
 *
 * @param state - What the first pass is given. Its shape stays the same.
 */
export function repeat(graph: GraphBuilder, state: Value, pass: (state: Value) => Pass): Value {
  const scalar = { type: 'bool', shape: [] } as const;
  const body = graph.body('loop', [{ type: 'int64', shape: [] }, scalar, state], ([, , current = state]) => {
    const { state: next, again } = pass(current);
    graph.expect(
      next.type === state.type && sameShape(next.shape, state.shape) && again.type === 'bool',
      () => `a pass makes ${next.type} ${shapeText(next.shape)} of ${state.type} ${shapeText(state.shape)}`,
    );
    return [again, next];
  });
  const first = graph.scalar(1, 'bool');
  return graph.single('Loop', [undefined, first, state], state, { attributes: { body } });
}

import { evaluate } from './onnx/dimension.js';
import type { GraphBuilder } from './onnx/graph-builder.js';

/**
 * How many multiplications, each with its addition, a graph costs at a size of the frame: by part (the outermost scopes,
 * such as `vae_encoder`, `unet` and `vae_decoder`), and in all.
 */
export function countMultiplications(
  graph: GraphBuilder,
  size: { readonly width: number; readonly height: number },
): Readonly<Record<string, number>> {
  const parts: Record<string, number> = {};
  let total = 0;
  for (const { scope, multiplications } of graph.costs) {
    const part = scope[0] ?? graph.name;
    const cost = evaluate(multiplications, { ...size });
    parts[part] = (parts[part] ?? 0) + cost;
    total += cost;
  }
  return { ...parts, total };
}

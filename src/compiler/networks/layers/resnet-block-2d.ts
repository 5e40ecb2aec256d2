import type { Value } from '../../onnx/graph-builder.js';
import { add, silu } from '../../onnx/operators/elementwise.js';
import { reshape } from '../../onnx/operators/shape.js';
import { channelsOf, type ConstantTokens, type Module, multiplyTransposed } from './module.js';

export interface ResnetBlockOptions {
  readonly groups: number;
  readonly epsilon: number;
  /** silu of the time embedding, one row; left out in networks that know no time. */
  readonly time?: ConstantTokens | undefined;
}

/**
 * diffusers.models.resnet.ResnetBlock2D. The step in time is always the same one, so its projection is a constant a
 * channel: it is part of conv1's bias.
 */
export function resnetBlock2D(module: Module, input: Value, out: number, options: ResnetBlockOptions): Value {
  const { graph } = module;
  const { groups, epsilon, time } = options;
  const addedBias = time === undefined ? undefined : timeProjection(module, time, out);

  let hidden = silu(graph, module.groupNorm('norm1', input, groups, epsilon));
  hidden = module.conv2d('conv1', hidden, out, { padding: 1, addedBias });
  if (time !== undefined) {
    hidden = addTimeBranch(module, hidden, time, out);
  }
  hidden = silu(graph, module.groupNorm('norm2', hidden, groups, epsilon));
  hidden = module.conv2d('conv2', hidden, out, { padding: 1 });

  const shortcut = channelsOf(graph, input) === out ? input : module.conv2d('conv_shortcut', input, out, { kernel: 1 });
  return add(graph, shortcut, hidden);
}

function timeProjection(module: Module, time: ConstantTokens, out: number): () => Promise<Float32Array> {
  const weight = module.tensor('time_emb_proj.weight', [out, time.width]);
  const bias = module.tensor('time_emb_proj.bias', [out]);
  return async () => {
    const projected = multiplyTransposed(await time.read(), 1, time.width, await weight(), out);
    const added = await bias();
    return projected.map((value, i) => value + (added[i] ?? 0));
  };
}

/** What a low-rank branch of the projection, if there is one, adds at run time. */
function addTimeBranch(module: Module, hidden: Value, time: ConstantTokens, out: number): Value {
  const branch = module.child('time_emb_proj', (layer) => layer.adapter?.foldedLinear(layer, time, out));
  return branch === undefined ? hidden : add(module.graph, hidden, reshape(module.graph, branch, [out, 1, 1]));
}

import type { Value } from '../../onnx/graph-builder.js';
import { convolution } from '../../onnx/operators/convolution.js';
import { cast } from '../../onnx/operators/elementwise.js';
import { concatenate, depthToSpace } from '../../onnx/operators/shape.js';
import { channelsOf, type Module } from './module.js';

/**
 * Doubling by nearest neighbours and a 3x3 convolution after it, in one: the same numbers for four ninths of the work.
 *
 * Of the three rows that the convolution sees in the doubled picture, two are always the same row of the small one, and so
 * with columns: a 2x2 kernel does, of weights that are sums. Which rows these are alternates, so that there are four
 * kernels: for the even and the odd rows and columns of the result.
 *
 * @param name - The convolution, which has as many channels as `x`.
 */
export function doubledConvolution(module: Module, name: string, x: Value): Value {
  const { graph } = module;
  const channels = channelsOf(graph, x);
  return module.child(name, (layer) => {
    const input = cast(graph, x, layer.type);
    const weight = layer.tensor('weight', [channels, channels, 3, 3]);
    const bias = layer.parameter('bias', [channels]);
    const phase = (row: 0 | 1, column: 0 | 1): Value => {
      const read = async () => phaseKernels(await weight(), row, column);
      const kernels = graph.initializer(`weight_${row}${column}`, [channels, channels, 2, 2], read, layer.type);
      // An even row lies above the border of two pixels, an odd one below it.
      return convolution(graph, input, kernels, bias, { padding: [1 - row, 1 - column, row, column] });
    };
    const phases = [phase(0, 0), phase(0, 1), phase(1, 0), phase(1, 1)] as const;
    return depthToSpace(graph, concatenate(graph, phases, 1), 2);
  });
}

/** Which of a kernel's rows (or columns) fall on each of the two of the small picture. */
const falls = [
  [[0], [1, 2]],
  [[0, 1], [2]],
] as const;

/** The 2x2 kernels of one phase, of 3x3 kernels one after the other. */
function phaseKernels(weights: Float32Array, row: 0 | 1, column: 0 | 1): Float32Array {
  const result = new Float32Array((weights.length / 9) * 4);
  for (let kernel = 0; kernel < weights.length / 9; kernel++) {
    falls[row].forEach((rows, y) => {
      falls[column].forEach((columns, x) => {
        let sum = 0;
        for (const i of rows) {
          for (const j of columns) {
            sum += weights[kernel * 9 + i * 3 + j] ?? 0;
          }
        }
        result[kernel * 4 + y * 2 + x] = sum;
      });
    });
  }
  return result;
}

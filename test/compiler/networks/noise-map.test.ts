import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

import { noiseMap, noiseSide } from '../../../dist/compiler/networks/noise-map.js';
import { torchRandn } from '../../../dist/compiler/networks/torch-random.js';
import { symbol } from '../../../dist/compiler/onnx/dimension.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { runGraph } from '../run-graph.js';

describe('noise', () => {
  it("is torch's own", () => {
    // torch.manual_seed(42); torch.randn(16), on a CPU.
    const expected = [
      1.926915, 1.487284, 0.900717, -2.105521, 0.678418, -1.234545, -0.043067, -1.604667, -0.752135, 1.648723,
      -0.392479, -1.403607, -0.727881, -0.55943, -0.768839, 0.762445,
    ];
    torchRandn(42, 16).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 5));
    // torch.randn(1, 4, 128, 128): its first and last number.
    const square = torchRandn(42, 4 * 128 * 128);
    expect(square[0]).toBeCloseTo(1.926915, 5);
    expect(square.at(-1)).toBeCloseTo(1.621495, 5);
  });

  it('is cut from one square, repeated beyond it, and moved by a number given at run time', async () => {
    const graph = new GraphBuilder('noise');
    const like = graph.input('like', 'float32', [1, 2, symbol('height'), symbol('width')]);
    const shift = graph.input('shift', 'float32', [1]);
    graph.output('fixed', noiseMap(graph, 5, like));
    graph.output('moved', noiseMap(graph, 5, like, shift));
    const [height, width] = [noiseSide + 3, 20];
    const run = (value: number) =>
      runGraph(
        graph,
        {
          like: new Tensor('float32', new Float32Array(2 * height * width), [1, 2, height, width]),
          shift: new Tensor('float32', Float32Array.of(value), [1]),
        },
        { height, width },
      );
    const square = torchRandn(5, 2 * noiseSide * noiseSide);
    const at = (row: number, column: number) => square[(row % noiseSide) * noiseSide + (column % noiseSide)];
    const { fixed, moved } = await run(0);
    expect(moved?.data).toEqual(fixed?.data);
    const numbers = fixed?.data as Float32Array;
    expect([numbers[0], numbers[width + 1], numbers[noiseSide * width]]).toEqual([at(0, 0), at(1, 1), at(0, 0)]);
    const { moved: other } = await run(130);
    expect((other?.data as Float32Array)[0]).toBe(at(130 * 53, 130 * 29 + 1));
  });
});

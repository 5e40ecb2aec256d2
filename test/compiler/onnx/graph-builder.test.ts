import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { evaluate, multiply, symbol } from '../../../dist/compiler/onnx/dimension.js';
import { fromHalf } from '../../../dist/compiler/onnx/float16.js';
import { GraphBuilder, type Value } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';
import { convolution } from '../../../dist/compiler/onnx/operators/convolution.js';
import { add, clip, silu } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { linear } from '../../../dist/compiler/onnx/operators/linear.js';
import { concatenate, reshape, resizeNearest, slice, transpose } from '../../../dist/compiler/onnx/operators/shape.js';
import { readGraphHeader } from '../../../dist/generator/onnx-header.js';
import { runGraph } from '../run-graph.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-graph-'));
});
afterAll(async () => rm(directory, { recursive: true }));

function numbers(count: number, value: (i: number) => number) {
  return () => Promise.resolve(Float32Array.from({ length: count }, (_, i) => value(i)));
}

function picture(graph: GraphBuilder): Value {
  return graph.input('picture', 'float32', [1, 2, symbol('height', 8), symbol('width', 8)]);
}

describe('a graph', () => {
  it('knows every shape before there is a size, and is right at each', async () => {
    const graph = new GraphBuilder('shapes');
    const x = picture(graph);
    const weight = graph.initializer(
      'weight',
      [3, 2, 3, 3],
      numbers(54, () => 1),
    );
    const half = graph.scope('down', () => convolution(graph, x, weight, undefined, { stride: 2, padding: 1 }));
    expect(half.shape.map(String)).toEqual(['1', '3', 'height/2', 'width/2']);
    const quarter = convolution(graph, slice(graph, half, 1, 0, 2), weight, undefined, {
      stride: 2,
      padding: [0, 0, 1, 1],
    });
    expect(quarter.shape.map(String)).toEqual(['1', '3', 'height/4', 'width/4']);
    const back = resizeNearest(graph, quarter, half.shape[2] ?? 0, half.shape[3] ?? 0);
    const joined = concatenate(graph, [half, back], 1);
    const tokens = transpose(
      graph,
      reshape(graph, joined, [1, 6, multiply(half.shape[2] ?? 0, half.shape[3] ?? 0)]),
      [0, 2, 1],
    );
    graph.output('tokens', tokens);
    graph.output('again', reshape(graph, transpose(graph, tokens, [0, 2, 1]), joined.shape));
    for (const [height, width] of [
      [16, 24],
      [40, 8],
    ] as const) {
      const data = new Float32Array(2 * height * width).fill(1);
      const feeds = { picture: new Tensor('float32', data, [1, 2, height, width]) };
      const { tokens: flat, again } = await runGraph(graph, feeds, { height, width });
      expect(flat?.dims).toEqual([1, (height / 2) * (width / 2), 6]);
      expect(again?.dims).toEqual([1, 6, height / 2, width / 2]);
      // A corner sees 2x2 of the two channels of ones, an inner point 3x3.
      const values = again?.data as Float32Array;
      expect([values[0], values[width / 2 + 1]]).toEqual([8, 18]);
    }
    expect(graph.costs.map(({ multiplications }) => evaluate(multiplications, { height: 16, width: 24 }))).toEqual([
      3 * 8 * 12 * 18,
      3 * 4 * 6 * 18,
    ]);
  });

  it('names the layer at which something does not fit', () => {
    const graph = new GraphBuilder('unet');
    const x = picture(graph);
    const weight = graph.initializer(
      'weight',
      [3, 4, 3, 3],
      numbers(108, () => 1),
    );
    const build = () => graph.scope('down_blocks.0', () => graph.scope('conv1', () => convolution(graph, x, weight)));
    expect(build).toThrow('down_blocks.0.conv1: the number of channels of [1, 2, height, width] is 2, not 4');
    expect(() => add(graph, x, graph.constant([1, 2, 3]))).toThrow(
      "unet: shapes [1, 2, height, width] and [3] don't go together",
    );
    expect(() => linear(graph, graph.constant([1], 'float16', [1, 1]), graph.constant([1], 'float32', [1, 1]))).toThrow(
      'weights are float32, the tokens float16',
    );
  });
});

describe('a written model', () => {
  function model(floatType: 'float32' | 'float16', order: string[] = []) {
    const graph = new GraphBuilder('linear', floatType);
    const x = graph.input('x', floatType, [symbol('rows'), 40]);
    const weights = (name: string, count: number, value: (i: number) => number) => () => {
      order.push(name);
      return numbers(count, value)();
    };
    const first = graph.initializer(
      'first.weight',
      [50, 40],
      weights('first', 2000, (i) => (i % 7) / 8 - 0.25),
    );
    const bias = graph.initializer(
      'first.bias',
      [50],
      weights('bias', 50, (i) => i / 16),
    );
    const second = graph.initializer(
      'second.weight',
      [3, 50],
      weights('second', 150, (i) => (i % 3) - 1),
    );
    const hidden = silu(graph, linear(graph, x, first, bias));
    graph.output('y', clip(graph, linear(graph, hidden, second), -100, 100));
    return graph;
  }

  function expected(): number[] {
    const hidden = Array.from({ length: 50 }, (_, row) => {
      let sum = row / 16;
      for (let i = 0; i < 40; i += 1) {
        sum += ((row * 40 + i) % 7) / 8 - 0.25;
      }
      return sum / (1 + Math.exp(-sum));
    });
    return [0, 1, 2].map((row) => hidden.reduce((sum, value, i) => sum + value * (((row * 50 + i) % 3) - 1), 0));
  }

  it('asks for one weight after the other, and gives the checksums of what it wrote', async () => {
    const order: string[] = [];
    const progress: number[] = [];
    const written = await writeModel(model('float32', order), directory, 'streamed.onnx', {
      onProgress: (bytes, total) => progress.push(bytes / total),
    });
    expect(order).toEqual(['first', 'bias', 'second']);
    expect(progress.at(-1)).toBe(1);
    expect(written).toMatchObject({ file: 'streamed.onnx', opset: 20 });
    // The large weight is outside, from a page of its own on; what is small stays inside.
    expect(written.externalData).toMatchObject([{ file: 'streamed.onnx.data', bytes: 8000 }]);
    for (const { file, bytes, sha256 } of [written, ...written.externalData]) {
      const content = await readFile(path.join(directory, file));
      expect(content.length).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect(readGraphHeader(path.join(directory, 'streamed.onnx'))).toEqual({
      opset: 20,
      inputs: [{ name: 'x', elementType: 1, dimensions: ['rows', 40] }],
      outputs: [{ name: 'y', elementType: 1, dimensions: ['rows', 3] }],
    });
  });

  it('computes the same in either precision', async () => {
    const x = new Tensor('float32', new Float32Array(40).fill(1), [1, 40]);
    const { y } = await runGraph(model('float32'), { x });
    expected().forEach((value, i) => expect((y?.data as Float32Array)[i]).toBeCloseTo(value, 3));
    const half = new Tensor('float16', new Uint16Array(40).fill(0x3c00), [1, 40]);
    const { y: halfY } = await runGraph(model('float16'), { x: half });
    expected().forEach((value, i) => {
      expect(Math.abs(fromHalf(Number(bitsOf(halfY?.data)[i])) - value)).toBeLessThan(0.25);
    });
  });

  it('is refused when a weight has another length than its shape, or does not fit fp16', async () => {
    const graph = new GraphBuilder('short');
    graph.initializer(
      'conv_in.weight',
      [4, 4],
      numbers(15, () => 1),
    );
    await expect(writeModel(graph, directory, 'short.onnx')).rejects.toThrow(
      'conv_in.weight: there are 15 numbers, not 16 ([4, 4]).',
    );
    const large = new GraphBuilder('large', 'float16');
    large.initializer(
      'conv_in.weight',
      [2],
      numbers(2, (i) => 1e6 * i),
    );
    await expect(writeModel(large, directory, 'large.onnx')).rejects.toThrow('conv_in.weight holds 1000000, too large');
  });

  it('stops when told to', async () => {
    const signal = AbortSignal.abort();
    await expect(writeModel(model('float32'), directory, 'stopped.onnx', { signal })).rejects.toThrow('Canceled.');
  });
});

/** onnxruntime-node gives half-precision numbers as Float16Array where Node has it, as their bits where not. */
function bitsOf(data: unknown): Uint16Array {
  const view = data as Uint16Array;
  return new Uint16Array(view.buffer, view.byteOffset, view.length);
}

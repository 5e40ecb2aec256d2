import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { symbol } from '../../../dist/compiler/onnx/dimension.js';
import { GraphBuilder } from '../../../dist/compiler/onnx/graph-builder.js';
import { writeModel } from '../../../dist/compiler/onnx/model-writer.js';
import { cast } from '../../../dist/compiler/onnx/operators/elementwise.js';
import { canny, cannyEdges } from '../../../dist/compiler/networks/canny.js';
import { runGraph, runModel } from '../run-graph.js';

const fixtures = path.join(import.meta.dirname, '../../fixtures/canny');
const names = readdirSync(fixtures).flatMap((file) => /^(\w+)\.png$/u.exec(file)?.[1] ?? []);

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

async function read(name: string, channels: 1 | 3): Promise<Picture> {
  const picture = sharp(path.join(fixtures, `${name}.png`)).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(channels);
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

function frameOf(graph: GraphBuilder) {
  return graph.input('frame', 'uint8', [1, symbol('height'), symbol('width'), 3]);
}

describe('Canny in the graph', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-canny-'));
    const graph = new GraphBuilder('canny');
    graph.output('edges', cast(graph, canny(graph, frameOf(graph)), 'uint8'));
    await writeModel(graph, directory);
  });
  afterAll(async () => rm(directory, { recursive: true }));

  it.each(names)("draws OpenCV's edges, pixel for pixel: %s", async (name) => {
    const { width, height, data } = await read(name, 3);
    const expected = await read(`${name}-edges`, 1);
    const feeds = { frame: new Tensor('uint8', data, [1, height, width, 3]) };
    const { edges } = await runModel(path.join(directory, 'model.onnx'), feeds);
    expect(edges?.dims).toEqual([1, 1, height, width]);
    const drawn = (edges?.data as Uint8Array).map((value) => value * 255);
    expect(Buffer.compare(drawn, expected.data), 'the same bytes').toBe(0);
  });

  it('gives white on black in three channels, its size fixed or not', async () => {
    const graph = new GraphBuilder('edges', 'float16');
    graph.output('picture', cast(graph, cannyEdges(graph, frameOf(graph)), 'float32'));
    const { width, height, data } = await read('square', 3);
    const expected = await read('square-edges', 1);
    const feeds = { frame: new Tensor('uint8', data, [1, height, width, 3]) };
    for (const sizes of [{}, { height, width }]) {
      const { picture } = await runGraph(graph, feeds, sizes);
      expect(picture?.dims).toEqual([1, 3, height, width]);
      const plane = Float32Array.from(expected.data, (value) => value / 255);
      const planes = picture?.data as Float32Array;
      for (const channel of [0, 1, 2]) {
        expect(planes.slice(channel * plane.length, (channel + 1) * plane.length)).toEqual(plane);
      }
    }
  });
});

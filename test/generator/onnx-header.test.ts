import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { bindDimensions, checkGraph } from '../../dist/generator/graph-check.js';
import { parseManifest } from '../../dist/generator/parse-manifest.js';
import { readGraphHeader } from '../../dist/generator/onnx-header.js';
import { copyOfFixture, fixture } from '../support/models.js';

const float32 = 1;
const uint8 = 2;

describe('the header of an ONNX file', () => {
  test('tells opset, inputs and outputs', () => {
    const frame = { elementType: uint8, dimensions: [1, 'height', 'width', 3] };
    expect(readGraphHeader(`${fixture('invert')}/model.onnx`)).toEqual({
      opset: 17,
      inputs: [
        { name: 'frame', ...frame },
        { name: 'strength', elementType: float32, dimensions: [1] },
      ],
      outputs: [{ name: 'translated', ...frame }],
    });
    expect(readGraphHeader(`${fixture('fixed-size')}/model.onnx`).inputs[0]?.dimensions).toEqual([1, 48, 64, 3]);
  });

  test('is read wherever a file is cut off or spoiled, with an error or a header and never a hang', async () => {
    const folder = await copyOfFixture('invert');
    const whole = await readFile(path.join(folder, 'model.onnx'));
    const file = path.join(folder, 'cut.onnx');
    for (let length = 0; length < whole.length; length++) {
      await writeFile(file, whole.subarray(0, length));
      let failure: unknown;
      try {
        // Cut between two parts, it is a file that says less.
        expect(readGraphHeader(file).opset).toBeUndefined();
      } catch (error) {
        failure = error;
      }
      expect(failure === undefined || failure instanceof Error).toBe(true);
    }
    for (let at = 0; at < whole.length; at++) {
      const spoiled = Buffer.from(whole);
      spoiled[at] = 0xff;
      await writeFile(file, spoiled);
      try {
        readGraphHeader(file);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
  });

  test('of something else is an error', async () => {
    const folder = await copyOfFixture('invert');
    const file = path.join(folder, 'model.txt');
    await writeFile(file, 'Once upon a time there was no graph at all in here.');
    expect(() => readGraphHeader(file)).toThrow(/cut off|not an ONNX file|no graph/);
    await writeFile(file, '');
    expect(() => readGraphHeader(file)).toThrow('it holds no graph');
  });
});

describe('free dimensions', () => {
  test('are bound by the names the graph gives them', async () => {
    const text = await readFile(`${fixture('invert')}/manifest.json`, 'utf8');
    const manifest = parseManifest(text, 'manifest.json');
    const [graph] = manifest.graphs;
    if (graph === undefined) {
      throw new Error('no graph');
    }
    const checked = checkGraph(`${fixture('invert')}/model.onnx`, graph, manifest);
    expect(bindDimensions(checked, 64, 48)).toEqual({ width: 64, height: 48 });
    const square = { ...checked, frameDimensions: ['n', 'side', 'side', 3] };
    expect(bindDimensions(square, 64, 64)).toEqual({ n: 1, side: 64 });
    expect(() => bindDimensions(square, 64, 48)).toThrow(expect.objectContaining({ code: 'size-unsupported' }));
    expect(bindDimensions({ ...checked, frameDimensions: [1, undefined, undefined, 3] }, 64, 48)).toEqual({});
  });
});

import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import type { ModelManifest, Precision } from '../../dist/generator/manifest.js';
import { chooseGraph, loadModelPackage } from '../../dist/generator/model-package.js';
import { copyOfFixture, editManifest, fixture, temporaryFolder } from '../support/models.js';

describe('loading a model package', () => {
  test('gives its folder and its manifest', async () => {
    const model = await loadModelPackage(fixture('invert'));
    expect(path.isAbsolute(model.directory)).toBe(true);
    expect(model.manifest.id).toBe('invert');
  });

  test('finds one changed byte by its checksum, and names both', async () => {
    const folder = await copyOfFixture('invert');
    const file = path.join(folder, 'model.onnx');
    const graph = await readFile(file);
    const expected = (await loadModelPackage(folder)).manifest.graphs[0]?.sha256 ?? '';
    graph[100] = (graph[100] ?? 0) ^ 1;
    await writeFile(file, graph);
    const failure = await loadModelPackage(folder).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'ModelError', code: 'model-invalid' });
    expect(failure).toHaveProperty(
      'message',
      expect.stringMatching(new RegExp(`model\\.onnx has sha256 [0-9a-f]{64}; the manifest says ${expected}\\.$`)),
    );
    expect(failure).toHaveProperty('remedy', expect.stringContaining('fetch it again'));
  });

  test('finds a file of another length', async () => {
    const folder = await copyOfFixture('invert');
    await appendFile(path.join(folder, 'model.onnx'), 'x');
    await expect(loadModelPackage(folder)).rejects.toThrow(/model\.onnx has 394 bytes; the manifest says 393\.$/);
  });

  test('finds a missing file', async () => {
    const folder = await copyOfFixture('invert');
    await rm(path.join(folder, 'model.onnx'));
    await expect(loadModelPackage(folder)).rejects.toMatchObject({
      code: 'model-invalid',
      message: `${path.join(folder, 'model.onnx')} is missing; the manifest names it.`,
    });
  });

  test('checks the files of external weights as well', async () => {
    const folder = await copyOfFixture('invert');
    await writeFile(path.join(folder, 'weights.bin'), 'abc');
    const weights = { file: 'weights.bin', bytes: 3, sha256: '0'.repeat(64) };
    await editManifest(folder, (manifest) => {
      manifest.graphs[0] = { ...manifest.graphs[0], externalData: [weights] };
    });
    await expect(loadModelPackage(folder)).rejects.toThrow(/weights\.bin has sha256 ba7816bf/);
  });

  test('tells a folder that is not there from one without a manifest, and from a file', async () => {
    const empty = await temporaryFolder();
    const code = 'model-not-found';
    await expect(loadModelPackage(path.join(empty, 'none'))).rejects.toMatchObject({
      code,
      message: expect.stringContaining('There is no model package at') as string,
    });
    await expect(loadModelPackage(empty)).rejects.toMatchObject({
      code,
      message: `${empty} holds no manifest.json.`,
    });
    await expect(loadModelPackage(path.join(fixture('invert'), 'model.onnx'))).rejects.toMatchObject({
      code,
      message: expect.stringContaining('is a file; a model package is a folder') as string,
      remedy: expect.stringContaining(fixture('invert')) as string,
    });
  });

  test.each([
    ['wrong-input', /has no input "frame", which the manifest names; its inputs are: "image", "strength"\.$/],
    ['wrong-output', /has no output "translated", which the manifest names; its outputs are: "picture"\.$/],
    ['float-input', /input "frame" is float32 \[1, height, width, 3\], not uint8 \[1, height, width, 3\]\.$/],
    ['channels-first', /input "frame" is uint8 \[1, 3, height, width\], not uint8 \[1, height, width, 3\]\.$/],
    ['extra-input', /asks for an input "mask", which the manifest doesn't name\.$/],
    ['strength-missing', /has no input "strength", which the manifest names; its inputs are: "frame"\.$/],
    ['truncated', /can't be read as an ONNX graph: it is cut off/],
  ])('refuses the graph of %s, saying why', async (name, message) => {
    const failure = loadModelPackage(fixture(name));
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'model-invalid', remedy: expect.any(String) as string });
  });

  test.each<[string, RegExp, object]>([
    [
      'an input that is missing',
      /has no input "old", which the manifest names; its inputs are: "frame", /,
      { input: 'old' },
    ],
    ['an output that is missing', /has no output "new", which the manifest names; its outputs /, { output: 'new' }],
    [
      'an initial shape of another rank',
      /state input "mean" is float32 \[1, seen_height, seen_width, 3\], not float32 of 3 dimensions that \[1, 1, 3\] fits\.$/,
      { initialShape: [1, 1, 3] },
    ],
    [
      'an initial shape that the graph does not take',
      /state input "mean" is .*, not float32 of 4 dimensions that \[1, 1, 1, 4\] fits\.$/,
      { initialShape: [1, 1, 1, 4] },
    ],
    [
      'an output of another rank than the input',
      /state output "newCount" is float32 \[1\], not float32 that fits its input "mean", \[1, seen_height, /,
      { output: 'newCount' },
    ],
  ])('refuses a state with %s', async (_, message, change) => {
    const folder = await copyOfFixture('running-mean');
    await editManifest(folder, (manifest) => {
      manifest.states = [{ ...manifest.states?.[0], ...change }];
    });
    const failure = loadModelPackage(folder);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'model-invalid', remedy: expect.any(String) as string });
  });

  test('refuses a state that the manifest leaves out', async () => {
    const folder = await copyOfFixture('running-mean');
    await editManifest(folder, (manifest) => manifest.states?.pop());
    await expect(loadModelPackage(folder)).rejects.toThrow(
      /asks for an input "count", which the manifest doesn't name\.$/,
    );
  });

  test.each(['shared-dimension', 'frame-dimension'])(
    'refuses the graph of %s, which onnxruntime would take to be of its later size at the first frame',
    async (name) => {
      await expect(loadModelPackage(fixture(name))).rejects.toMatchObject({
        code: 'model-invalid',
        message: expect.stringMatching(
          /state input "mean" shares its dimension "(rows|height)" with the frame or an output\.$/,
        ) as string,
        remedy: expect.stringContaining('names of their own') as string,
      });
    },
  );

  test('refuses a graph of another opset than the manifest says', async () => {
    const folder = await copyOfFixture('invert');
    await editManifest(folder, (manifest) => {
      manifest.graphs[0] = { ...manifest.graphs[0], opset: 18 };
    });
    await expect(loadModelPackage(folder)).rejects.toThrow(/is written in opset 17; the manifest says 18\.$/);
  });
});

describe('the graph of a provider', () => {
  const shipped = (...precisions: Precision[]) =>
    ({ id: 'x', graphs: precisions.map((precision) => ({ precision })) }) as unknown as ModelManifest;

  test.each<[Precision[], 'cpu' | 'cuda', Precision]>([
    [['fp32', 'fp16', 'int8'], 'cpu', 'int8'],
    [['fp32', 'fp16'], 'cpu', 'fp32'],
    [['fp16'], 'cpu', 'fp16'],
    [['fp32', 'fp16', 'int8'], 'cuda', 'fp16'],
    [['int8', 'fp32'], 'cuda', 'fp32'],
    [['int8'], 'cuda', 'int8'],
  ])('of %j on %s is %s', (precisions, provider, chosen) => {
    expect(chooseGraph(shipped(...precisions), provider).precision).toBe(chosen);
  });
});

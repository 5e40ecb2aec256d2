import { rename } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

import { CanceledError, loadModelPackage, type Generator } from '../../dist/index.js';
import { GeneratorSwitch } from '../../dist/live/generator-switch.js';
import { copyOfFixture, fixture } from '../support/models.js';

/** A switch, and the generators that it handed out, in order. */
async function setUp(folder = fixture('invert')) {
  const used: (Generator | undefined)[] = [];
  const generators = new GeneratorSwitch(await loadModelPackage(folder), {
    device: 'cpu',
    use: (generator) => {
      used.push(generator);
      return Promise.resolve();
    },
  });
  return { generators, used };
}

test('the model is changed beside the one that runs; one that is not wanted any more is given up', async () => {
  const { used, ...opened } = await setUp();
  await using generators = opened.generators;
  await generators.resize(64, 48);
  const [first] = used.slice(-1);
  expect(first?.sessions).toBe(1);
  const overtaken = generators.change(() => loadModelPackage(fixture('slow')));
  const wanted = generators.change(() => loadModelPackage(fixture('slow')));
  await expect(overtaken).rejects.toThrow(CanceledError);
  await wanted;
  expect(generators.model.manifest.id).toBe('slow');
  await expect(generators.change(() => loadModelPackage(fixture('truncated')))).rejects.toThrow();
  expect(generators.model.manifest.id).toBe('slow');
  expect(generators.generator).toBe(used.at(-1));
  expect(generators.generator).not.toBe(first);
});

test('one that failed gets a successor, though the first try fails too', async () => {
  const folder = await copyOfFixture('invert');
  const { used, ...opened } = await setUp(folder);
  await using generators = opened.generators;
  await generators.resize(64, 48);
  const failed = generators.generator;
  expect(failed).toBeDefined();
  if (failed === undefined) {
    return;
  }
  const [graph, elsewhere] = [path.join(folder, 'model.onnx'), path.join(folder, 'away.onnx')];
  await rename(graph, elsewhere);
  await expect(generators.recover(failed)).rejects.toThrow();
  expect(generators.generator).toBeUndefined();
  await rename(elsewhere, graph);
  await generators.recover(failed);
  expect(generators.generator).toBeDefined();
  expect(generators.generator).toBe(used.at(-1));
});

import { rm } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { findModel } from '../../dist/catalogue/find-model.js';
import { listModels } from '../../dist/catalogue/list-models.js';
import { copyOfFixture, editManifest, fixture } from '../support/models.js';

describe('the list of models', () => {
  test('holds the embedded ones, whole', async () => {
    const models = await listModels();
    const night = models.find(({ effect }) => effect === 'day-to-night');
    expect(night).toMatchObject({ title: expect.any(String) as string, licence: expect.any(String) as string });
    expect(night?.problem).toBeUndefined();
    expect(night?.bytes).toBeGreaterThan(10_000);
    expect(models.map(({ id }) => id)).not.toContain('training');
  });

  test("has the user's own first", async () => {
    const [own] = await listModels({ directory: fixture('invert') });
    expect(own).toEqual({
      id: 'invert',
      effect: 'invert',
      title: 'invert',
      version: '1.0.0',
      licence: 'MIT',
      precision: ['fp32'],
      bytes: 393,
      directory: fixture('invert'),
      origin: 'folder',
    });
  });

  test('shows what is wrong with a model rather than fail', async () => {
    const incomplete = await copyOfFixture('invert');
    await rm(path.join(incomplete, 'model.onnx'));
    expect((await listModels({ directory: incomplete }))[0]).toMatchObject({
      id: 'invert',
      problem: expect.stringMatching(/model\.onnx is missing/) as string,
    });
    const future = await copyOfFixture('invert');
    await editManifest(future, (manifest) => (manifest.formatVersion = 9));
    expect((await listModels({ directory: future }))[0]).toMatchObject({
      id: path.basename(future),
      effect: '',
      problem: expect.stringMatching(/formatVersion 9/) as string,
    });
  });
});

describe('finding a model', () => {
  test('by its effect gives the embedded one; day to night where nothing is asked for', async () => {
    const model = await findModel({ effect: 'day-to-night' });
    expect(model.manifest.effect).toBe('day-to-night');
    expect((await findModel()).directory).toBe(model.directory);
  });

  test('by its folder takes that, whatever its effect', async () => {
    const model = await findModel({ effect: 'day-to-night', model: fixture('invert') });
    expect(model.manifest.id).toBe('invert');
  });

  test('of an unknown effect suggests the nearest and lists what there is', async () => {
    await expect(findModel({ effect: 'Day-to-nigth' })).rejects.toMatchObject({
      name: 'ModelError',
      code: 'effect-unknown',
      message: expect.stringMatching(
        /^There is no effect "Day-to-nigth"\. Did you mean "day-to-night"\? Effects: .*day-to-night/,
      ) as string,
      remedy: 'Use --effect day-to-night.',
    });
  });

  test('of an effect that is like none suggests none', async () => {
    const failure = findModel({ effect: 'zzz' });
    await expect(failure).rejects.toThrow(/^There is no effect "zzz"\. Effects: .*day-to-night/);
    await expect(failure).rejects.not.toThrow(/Did you mean/);
  });

  test('in a folder that is not there says so', async () => {
    await expect(findModel({ model: fixture('none') })).rejects.toMatchObject({ code: 'model-not-found' });
  });
});

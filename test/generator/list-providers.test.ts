import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import { autoOrder, executionProviders, providerNames } from '../../dist/generator/execution-providers.js';
import { missingHardware } from '../../dist/generator/hardware.js';
import { listProviders } from '../../dist/generator/list-providers.js';
import { probeGraph } from '../../dist/generator/probe-graph.js';
import { fixture } from '../support/models.js';

test('every provider is listed, the CPU works, and what does not work says why', async () => {
  const listings = await listProviders();
  expect(listings.map(({ name }) => name)).toEqual([...providerNames]);
  expect(listings.find(({ name }) => name === 'cpu')).toEqual({ name: 'cpu', available: true });
  for (const { name, available, reason, remedy } of listings) {
    expect(available ? reason : 'no reason', name).not.toBe(available ? 'no reason' : undefined);
    if (!available) {
      expect(reason, name).toBeTruthy();
      const isHere = executionProviders[name].platforms.includes(`${process.platform}/${process.arch}`);
      expect(remedy, name).toBe(isHere ? executionProviders[name].remedy : undefined);
    }
  }
});

test('cuda is not available without an NVIDIA GPU', async ({ skip }) => {
  skip((await missingHardware('cuda')) === undefined, 'this machine has an NVIDIA GPU, or is not Linux');
  const listing = (await listProviders()).find(({ name }) => name === 'cuda');
  expect(listing).toMatchObject({ available: false });
});

test('the table and the order of auto are whole', () => {
  expect(Object.keys(executionProviders).sort()).toEqual([...providerNames].sort());
  expect(autoOrder).toEqual(['cuda', 'coreml', 'dml', 'webgpu', 'cpu']);
});

test('the graph that providers are tried on is the fixture of that name', async () => {
  expect(Buffer.compare(probeGraph, await readFile(`${fixture('strength-missing')}/model.onnx`))).toBe(0);
});

import { describe, expect, test } from 'vitest';

import { CanceledError } from '../../dist/errors/errors.js';
import { type DeviceTrial, openDevice } from '../../dist/generator/device.js';
import { executionProviders, type ProviderName } from '../../dist/generator/execution-providers.js';
import { missingHardware } from '../../dist/generator/hardware.js';
import { explainStartFailure } from '../../dist/generator/session-failure.js';

const candidates: readonly ProviderName[] = ['cuda', 'webgpu', 'cpu'];

const noCuda = `cuda can't be used: no driver - ${executionProviders.cuda.remedy}`;

/** Sessions that only say what became of them. */
function trialOf(milliseconds: Partial<Record<ProviderName, number>>, options: Partial<DeviceTrial<FakeSession>> = {}) {
  const opened: FakeSession[] = [];
  const notices: string[] = [];
  const trial: DeviceTrial<FakeSession> = {
    missingHardware: () => Promise.resolve(undefined),
    open: (provider) => {
      if (milliseconds[provider] === undefined) {
        return Promise.reject(explainStartFailure('no driver', { provider, graph: 'model.onnx' }));
      }
      const session = new FakeSession(provider);
      opened.push(session);
      return Promise.resolve(session);
    },
    time: ({ provider }) => Promise.resolve(milliseconds[provider] ?? 0),
    compareWithCpu: true,
    onNotice: (notice) => notices.push(notice),
    ...options,
  };
  const left = () => opened.filter((session) => !session.closed);
  return { trial, notices, left };
}

class FakeSession {
  closed = false;
  constructor(readonly provider: ProviderName) {}
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

describe('auto', () => {
  test('takes the first that works and says nothing', async () => {
    const { trial, notices, left } = trialOf({ cuda: 2, webgpu: 3, cpu: 30 });
    const { provider, session } = await openDevice('auto', trial, candidates);
    expect(provider).toBe('cuda');
    expect(notices).toEqual([]);
    expect(left()).toEqual([session]);
  });

  test('goes on to the next when one fails, and says why in one line', async () => {
    const { trial, notices } = trialOf({ webgpu: 3, cpu: 30 });
    expect((await openDevice('auto', trial, candidates)).provider).toBe('webgpu');
    expect(notices).toEqual([`Running on webgpu (${noCuda}).`]);
  });

  test('ends at the CPU when all else fails or is slower, and leaves no other session open', async () => {
    const { trial, notices, left } = trialOf({ webgpu: 300, cpu: 30 });
    const { provider, session } = await openDevice('auto', trial, candidates);
    expect(provider).toBe('cpu');
    expect(left()).toEqual([session]);
    expect(notices).toEqual([
      `Running on the CPU (${noCuda}; webgpu: slower than the CPU, 300.0 against 30.0 ms a frame).`,
    ]);
  });

  test('does not start what the machine shows no device for', async () => {
    const { trial, notices } = trialOf(
      { cuda: 1, webgpu: 1, cpu: 30 },
      { missingHardware: () => Promise.resolve('no GPU found') },
    );
    expect((await openDevice('auto', trial, candidates)).provider).toBe('cpu');
    expect(notices).toEqual(['Running on the CPU (cuda: no GPU found; webgpu: no GPU found).']);
  });

  test('does not compare a large model with the CPU', async () => {
    const { trial } = trialOf({ cuda: 100, cpu: 1 }, { compareWithCpu: false });
    expect((await openDevice('auto', trial, candidates)).provider).toBe('cuda');
  });

  test('stops when it is canceled', async () => {
    const { trial } = trialOf({ cpu: 1 }, { open: () => Promise.reject(new CanceledError()) });
    await expect(openDevice('auto', trial, candidates)).rejects.toMatchObject({ code: 'canceled' });
  });
});

describe('a device that is named', () => {
  test('is an error when it fails', async () => {
    const { trial } = trialOf({ cpu: 1 });
    await expect(openDevice('cpu', trial)).resolves.toMatchObject({ provider: 'cpu' });
    const elsewhere = process.platform === 'win32' ? 'coreml' : 'dml';
    await expect(openDevice(elsewhere, trial)).rejects.toMatchObject({
      code: 'device-unavailable',
      message: expect.stringMatching(/^(dml|coreml) isn't available on \w+\/\w+, only on /) as string,
      remedy: expect.stringContaining('--device auto') as string,
    });
  });
});

test('where there is no GPU, Linux shows it; other systems are not asked', async () => {
  expect(await missingHardware('cpu', 'linux')).toBeUndefined();
  expect(await missingHardware('webgpu', 'darwin')).toBeUndefined();
  expect(['no NVIDIA GPU found', undefined]).toContain(await missingHardware('cuda', 'linux'));
});

import { existsSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { runProgram } from '../support/child-program.js';

// Vulkan on the CPU, part of Debian's chromium: the GPU's code path without a GPU.
const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
const swiftShader = { VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: '/tmp' };
const isHere = process.platform === 'linux' && process.arch === 'x64' && existsSync(driver);
const program = new URL('programs/negative.mjs', import.meta.url);
const memory = new URL('programs/running-mean.mjs', import.meta.url);
const comparison = new URL('programs/compare-devices.mjs', import.meta.url);

if (!isHere) {
  console.warn(`SKIPPED: the WebGPU tests need ${driver}; get it with: apt-get install chromium`);
}

interface Drawn {
  readonly sha256: string;
  readonly provider: string;
  readonly sessions: number;
}

async function draw(device: string): Promise<Drawn & { readonly stderr: string }> {
  const { exitCode, stdout, stderr } = await runProgram(program, [device], swiftShader);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return { ...(JSON.parse(stdout) as Drawn), stderr };
}

describe.skipIf(!isHere)('WebGPU, on SwiftShader (of chromium)', { timeout: 300_000 }, () => {
  test('draws what the CPU draws', async () => {
    const gpu = await draw('webgpu');
    expect(gpu).toMatchObject({ provider: 'webgpu', sessions: 1 });
    expect(gpu.sha256).toBe((await draw('cpu')).sha256);
  });

  test('draws with the embedded model what the CPU draws, but for the rounding', async () => {
    const { exitCode, stdout, stderr } = await runProgram(comparison, [], swiftShader);
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { greatest, share, changed } = JSON.parse(stdout) as Record<'greatest' | 'share' | 'changed', number>;
    expect(greatest).toBeLessThanOrEqual(1);
    expect(share).toBeLessThan(0.01);
    expect(changed).toBeGreaterThan(0.5);
  });

  test('remembers from frame to frame as the CPU does, and forgets when told to', async () => {
    const { exitCode, stdout, stderr } = await runProgram(memory, ['webgpu'], swiftShader);
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ provider: 'webgpu', drawn: [40, 50, 40, 100, 75] });
  });

  test('is passed over by auto: a driver that draws on the CPU is no GPU', async () => {
    const { provider, stderr } = await draw('auto');
    expect(provider).toBe('cpu');
    expect(stderr).toMatch(/Running on the CPU \(.*webgpu: .*\)\./);
  });

  test('closes while it is working', async () => {
    const ending = await runProgram(
      new URL('programs/end-while-working.mjs', import.meta.url),
      ['close', 'webgpu'],
      swiftShader,
    );
    expect(ending).toMatchObject({ exitCode: 0, signal: undefined });
    expect(ending.stdout).toMatch(/^done (done |canceled ){2}canceled\ncanceled$/);
  });
});

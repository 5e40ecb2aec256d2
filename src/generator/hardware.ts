import { readdir } from 'node:fs/promises';

import type { ProviderName } from './execution-providers.js';

// Device nodes of Linux: any GPU, NVIDIA's own (containers often have no /dev/dri), and the GPU of Windows under WSL.
const anyGpu = [/^dri\/renderD\d+$/, /^nvidia\d+$/, /^dxg$/];
const nvidiaGpu = [/^nvidia\d+$/, /^dxg$/];

/**
 * Why `auto` need not try a provider: the machine shows no device for it. Only Linux is looked at, where WebGPU would
 * otherwise start on a Vulkan driver that draws on the CPU (SwiftShader), much slower than the CPU provider.
 *
 * @returns The reason, or undefined when it is worth a try.
 */
export async function missingHardware(
  provider: ProviderName,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  if (platform !== 'linux' || provider === 'cpu') {
    return undefined;
  }
  const nvidiaOnly = provider === 'cuda' || provider === 'tensorrt';
  const nodes = [...(await list('/dev')), ...(await list('/dev/dri')).map((name) => `dri/${name}`)];
  const found = nodes.some((node) => (nvidiaOnly ? nvidiaGpu : anyGpu).some((pattern) => pattern.test(node)));
  return found ? undefined : nvidiaOnly ? 'no NVIDIA GPU found' : 'no GPU found';
}

async function list(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

import type { InferenceSession } from 'onnxruntime-node';

/**
 * Where a network can run, by the names users give.
 *
 * @group Generating
 */
export const providerNames = ['cuda', 'tensorrt', 'coreml', 'dml', 'webgpu', 'cpu'] as const;

/**
 * An onnxruntime execution provider.
 *
 * @group Generating
 */
export type ProviderName = (typeof providerNames)[number];

/**
 * What `--device` takes.
 *
 * @group Generating
 */
export const deviceNames = ['auto', ...providerNames] as const;

/**
 * A device asked for: a provider by name, or `'auto'` for the best that works.
 *
 * @group Generating
 */
export type DeviceName = (typeof deviceNames)[number];

/** What the engine knows of an execution provider; the one place that does. */
export interface ExecutionProvider {
  /** What onnxruntime calls it; what it can't run goes to the next, and at last to the CPU. */
  readonly executionProviders: readonly InferenceSession.ExecutionProviderConfig[];
  /** `platform/arch` of Node.js where onnxruntime-node has it. */
  readonly platforms: readonly string[];
  /** Whether several sessions of a process may run at once. */
  readonly concurrentSessions: boolean;
  /** What to do when it is asked for and doesn't start. */
  readonly remedy: string;
}

const everywhere = ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64', 'win32/arm64'];

/**
 * onnxruntime-node 1.30.0, from its README.md and the files of its npm package:
 *
 * | provider | linux/x64 | linux/arm64 | darwin/arm64 | win32/x64 | win32/arm64 |
 * | -------- | --------- | ----------- | ------------ | --------- | ----------- |
 * | cpu      | yes       | yes         | yes          | yes       | yes         |
 * | webgpu   | yes       | -           | yes          | yes       | yes         |
 * | dml      | -         | -           | -            | yes       | yes         |
 * | cuda     | download  | -           | -            | -         | -           |
 * | tensorrt | download  | -           | -            | -         | -           |
 * | coreml   | -         | -           | yes          | -         | -           |
 *
 * Its README also names macOS on x64, but the package holds no binary for it. `download`: CUDA 12, not inside the
 * npm package. Of `cuda` and `tensorrt` the binding reads no option but the device's number.
 */
export const executionProviders: Readonly<Record<ProviderName, ExecutionProvider>> = {
  cuda: {
    executionProviders: ['cuda'],
    platforms: ['linux/x64'],
    concurrentSessions: true,
    remedy:
      'Install the NVIDIA driver, CUDA 12 and cuDNN 9, then run: npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12',
  },
  tensorrt: {
    executionProviders: ['tensorrt', 'cuda'],
    platforms: ['linux/x64'],
    concurrentSessions: true,
    remedy:
      'Install the NVIDIA driver, CUDA 12, cuDNN 9 and TensorRT 10, then run: npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12',
  },
  coreml: {
    executionProviders: ['coreml'],
    platforms: ['darwin/arm64'],
    concurrentSessions: true,
    remedy: 'CoreML needs a Mac with Apple silicon; elsewhere choose another device.',
  },
  dml: {
    executionProviders: ['dml'],
    platforms: ['win32/x64', 'win32/arm64'],
    concurrentSessions: true,
    remedy: 'DirectML needs Windows 10 or later and a DirectX 12 GPU with its current driver.',
  },
  webgpu: {
    executionProviders: ['webgpu'],
    platforms: ['linux/x64', 'darwin/arm64', 'win32/x64', 'win32/arm64'],
    // Two sessions running at once end the process: https://github.com/microsoft/onnxruntime/issues/32561
    concurrentSessions: false,
    remedy:
      'WebGPU needs a GPU with a Vulkan (Linux), Metal (macOS) or DirectX 12 (Windows) driver; on Linux check with: vulkaninfo --summary',
  },
  cpu: {
    executionProviders: ['cpu'],
    platforms: everywhere,
    concurrentSessions: true,
    remedy: 'onnxruntime-node runs on Windows, on Linux with glibc, and on macOS with Apple silicon.',
  },
};

/**
 * What `auto` tries, best first. TensorRT isn't among it: it would build its engine for minutes at every start, since
 * its cache can't be switched on from Node.js (https://github.com/microsoft/onnxruntime/issues/18380).
 */
export const autoOrder: readonly ProviderName[] = ['cuda', 'coreml', 'dml', 'webgpu', 'cpu'];

/** Whether onnxruntime-node has a provider on this platform. */
export function isOnPlatform(name: ProviderName, platform = `${process.platform}/${process.arch}`): boolean {
  return executionProviders[name].platforms.includes(platform);
}

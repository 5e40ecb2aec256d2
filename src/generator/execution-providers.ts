/** Where a network can run, by the names users give. */
export const providerNames = ['cuda', 'tensorrt', 'coreml', 'dml', 'webgpu', 'cpu'] as const;

/**
 * An onnxruntime execution provider.
 *
 * @group Generating
 */
export type ProviderName = (typeof providerNames)[number];

/** What `--device` takes. */
export const deviceNames = ['auto', ...providerNames] as const;

/**
 * A device asked for: a provider by name, or `'auto'` for the best that works.
 *
 * @group Generating
 */
export type DeviceName = (typeof deviceNames)[number];

import { totalmem } from 'node:os';

import { DeviceError, InputError } from '../errors/errors.js';
import type { ModelGraph, ModelInput, ModelManifest } from './manifest.js';
import { filesOf } from './model-package.js';
import type { PlanLimits } from './session-plan.js';

/** Bytes of a graph and its weights. */
export function bytesOf(graph: ModelGraph): number {
  return filesOf(graph).reduce((sum, file) => sum + file.bytes, 0);
}

/** Memory of the machine, or of the container that this process is in. */
export function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return Math.min(totalmem(), limit > 0 ? limit : Infinity);
}

/** Refuses a model that can't fit, before gigabytes of it are read and the system ends the process. */
export function checkMemory({ id }: ModelManifest, { modelBytes, memoryBytes }: PlanLimits): void {
  if (modelBytes > memoryBytes) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw new DeviceError(
      'device-unavailable',
      `Model ${id} holds ${gigabytes(modelBytes)} GB of weights; there are ${gigabytes(memoryBytes)} GB of memory.`,
      { remedy: 'Take a smaller model, or pull this one with --precision fp16.' },
    );
  }
}

/** Refuses a size that the model doesn't take. */
export function checkSize({ id, input }: ModelManifest, width: number, height: number): void {
  const fits = (size: number, minimum: number, maximum: number) =>
    Number.isInteger(size) && size >= minimum && size <= maximum && size % input.sizeMultiple === 0;
  if (!fits(width, input.minWidth, input.maxWidth) || !fits(height, input.minHeight, input.maxHeight)) {
    throw new InputError('size-unsupported', `Model ${id} can't translate ${width}x${height}: ${allowedText(input)}.`, {
      remedy: 'Choose another size with --size.',
    });
  }
}

function allowedText({ minWidth, minHeight, maxWidth, maxHeight, sizeMultiple }: ModelInput): string {
  const multiples = sizeMultiple > 1 ? `, both multiples of ${sizeMultiple}` : '';
  return `it takes ${minWidth}x${minHeight} to ${maxWidth}x${maxHeight}${multiples}`;
}

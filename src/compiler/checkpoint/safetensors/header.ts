import { z } from 'zod';

import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { bytesPerElement, shapeFault } from '../number-format.js';
import { elementCount, formatShape, type TensorDataType, type TensorDescription } from '../tensor-source.js';
import { repeatedKey } from './repeated-key.js';

/** A tensor and where its numbers stand in the file. */
export interface SafetensorsEntry extends TensorDescription {
  readonly position: number;
}

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number()),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});

/**
 * Reads the header of a safetensors file and checks all that it states.
 *
 * The format is https://huggingface.co/docs/safetensors: as there, the tensors fill the rest of the file, without holes or
 * overlaps.
 *
 * @param json - The header's bytes, its length left out.
 * @param dataStart - Where the file's tensors begin.
 * @param fileSize - Length of the file.
 * @param path - Where it is, for messages.
 */
export function parseSafetensorsHeader(
  json: Uint8Array,
  dataStart: number,
  fileSize: number,
  path: string,
): Map<string, SafetensorsEntry> {
  const entries = new Map<string, SafetensorsEntry>();
  const ranges: { name: string; from: number; to: number }[] = [];
  for (const [name, value] of Object.entries(parseObject(json, path))) {
    if (name === '__metadata__') {
      continue;
    }
    const { entry, to } = checkEntry(name, value, dataStart, fileSize, path);
    entries.set(name, entry);
    ranges.push({ name, from: entry.position, to });
  }
  checkRanges(ranges, dataStart, fileSize, path);
  return entries;
}

function parseObject(json: Uint8Array, path: string): object {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidCheckpoint(`${path} is not a safetensors file: its header is not JSON.`, undefined, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidCheckpoint(`${path} is not a safetensors file: its header is not a JSON object.`);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw invalidCheckpoint(`${path} names the tensor "${repeated}" twice.`);
  }
  return value;
}

function checkEntry(name: string, value: unknown, dataStart: number, fileSize: number, path: string) {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    throw invalidCheckpoint(`Tensor "${name}" of ${path} is described wrongly.`, undefined, parsed.error);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const dataType = dataTypeOf(dtype);
  if (dataType === undefined) {
    throw invalidCheckpoint(
      `Tensor "${name}" of ${path} has the number format ${dtype}, which can't be read.`,
      'Save the weights as fp32, fp16 or bf16.',
    );
  }
  const fault = shapeFault(shape);
  if (fault !== undefined) {
    throw invalidCheckpoint(`Tensor "${name}" of ${path} has an impossible shape ${formatShape(shape)}: ${fault}.`);
  }
  const position = dataStart + offsets[0];
  const to = dataStart + offsets[1];
  const bytes = elementCount(shape) * bytesPerElement[dataType];
  if (to - position !== bytes) {
    throw invalidCheckpoint(
      `Tensor "${name}" of ${path} takes ${to - position} bytes; ${dataType} of shape ${formatShape(shape)} takes ${bytes}.`,
    );
  }
  if (to > fileSize) {
    throw invalidCheckpoint(
      `${path} is cut off: tensor "${name}" goes on to byte ${to}, the file ends at ${fileSize}.`,
    );
  }
  return { entry: { name, shape, dataType, position }, to };
}

function dataTypeOf(dtype: string): TensorDataType | undefined {
  return Object.hasOwn(bytesPerElement, dtype) ? (dtype as TensorDataType) : undefined;
}

function checkRanges(
  ranges: { name: string; from: number; to: number }[],
  dataStart: number,
  fileSize: number,
  path: string,
): void {
  ranges.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = dataStart;
  let before = 'the header';
  for (const { name, from, to } of ranges) {
    if (from !== end) {
      const how = from < end ? 'overlaps' : 'leaves a hole after';
      throw invalidCheckpoint(`Tensor "${name}" of ${path} ${how} ${before}.`);
    }
    end = to;
    before = `tensor "${name}"`;
  }
  if (end !== fileSize) {
    throw invalidCheckpoint(`${path} has ${fileSize - end} bytes after its last tensor, which no tensor owns.`);
  }
}

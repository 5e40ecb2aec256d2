import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { readNumbers } from '../number-format.js';
import { TensorFile } from '../tensor-file.js';
import { elementCount, requireTensor, type TensorDescription, type TensorSource } from '../tensor-source.js';
import { parseSafetensorsHeader, type SafetensorsEntry } from './header.js';

/** Longest header that is read. A thousand tensors take about 0.1 MiB. */
const maxHeaderBytes = 8 * 2 ** 20;

/** Bytes of the number that tells the header's length. */
const lengthBytes = 8;

/**
 * Opens one safetensors file.
 *
 * @throws ModelError, when there is no such file or it isn't whole and sound.
 */
export async function openSafetensorsFile(path: string): Promise<TensorSource> {
  const file = await TensorFile.open(path);
  try {
    return new SafetensorsFile(file, await readHeader(file));
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

async function readHeader(file: TensorFile): Promise<Map<string, SafetensorsEntry>> {
  if (file.size < lengthBytes) {
    throw invalidCheckpoint(`${file.path} is not a safetensors file: it has only ${file.size} bytes.`);
  }
  const headerBytes = Number((await file.readBytes(0, lengthBytes)).readBigUInt64LE());
  const dataStart = lengthBytes + headerBytes;
  if (headerBytes > maxHeaderBytes || dataStart > file.size) {
    throw invalidCheckpoint(
      `${file.path} is not a safetensors file, or is cut off: it states a header of ${headerBytes} bytes ` +
        `(at most ${maxHeaderBytes} are read) and has ${file.size} in all.`,
    );
  }
  return parseSafetensorsHeader(await file.readBytes(lengthBytes, headerBytes), dataStart, file.size, file.path);
}

class SafetensorsFile implements TensorSource {
  constructor(
    private readonly file: TensorFile,
    private readonly entries: ReadonlyMap<string, SafetensorsEntry>,
  ) {}

  get description(): string {
    return this.file.path;
  }

  names(): Iterable<string> {
    return this.entries.keys();
  }

  describe(name: string): TensorDescription | undefined {
    const entry = this.entries.get(name);
    return entry && { name, shape: entry.shape, dataType: entry.dataType };
  }

  async read(name: string): Promise<Float32Array> {
    const { shape, dataType } = requireTensor(this, name);
    return readNumbers(this.file, this.entries.get(name)?.position ?? 0, elementCount(shape), dataType);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

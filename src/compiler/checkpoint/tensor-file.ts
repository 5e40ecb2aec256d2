import { open, stat, type FileHandle } from 'node:fs/promises';

import { ModelError } from '../../errors/errors.js';
import { invalidCheckpoint } from './invalid-checkpoint.js';

/** A file of tensors, read where one looks and never as a whole. */
export class TensorFile implements AsyncDisposable {
  #closing: Promise<void> | undefined;

  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws ModelError, when there is no such file, it isn't a plain file, or it can't be opened. */
  static async open(path: string): Promise<TensorFile> {
    let handle: FileHandle | undefined;
    try {
      // Looked at before it is opened: opening a named pipe would wait for its writer.
      if (!(await stat(path)).isFile()) {
        throw invalidCheckpoint(`${path} is not a file.`, 'Give the path of a checkpoint file.');
      }
      handle = await open(path, 'r');
      return new TensorFile(path, (await handle.stat()).size, handle);
    } catch (cause) {
      await handle?.close();
      if (cause instanceof ModelError) {
        throw cause;
      }
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new ModelError(
        missing ? 'model-not-found' : 'model-invalid',
        missing ? `There is no file ${path}.` : `${path} can't be opened: ${(cause as Error).message}`,
        { remedy: 'Check the path and that you may read the file.', cause },
      );
    }
  }

  /** The number of the open file, for libraries that read by it; closed with this object. */
  get descriptor(): number {
    return this.handle.fd;
  }

  /** Fills `target` with what stands at `position`. */
  async readInto(target: Uint8Array, position: number): Promise<void> {
    let filled = 0;
    while (filled < target.byteLength) {
      const { bytesRead } = await this.#read(target.subarray(filled), position + filled);
      if (bytesRead === 0) {
        throw invalidCheckpoint(
          `${this.path} is cut off: it ends at byte ${position + filled}, inside a part that goes on to byte ` +
            `${position + target.byteLength}.`,
        );
      }
      filled += bytesRead;
    }
  }

  async readBytes(position: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const bytes = Buffer.alloc(length);
    await this.readInto(bytes, position);
    return bytes;
  }

  close(): Promise<void> {
    this.#closing ??= this.handle.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(target: Uint8Array, position: number): Promise<{ bytesRead: number }> {
    try {
      return await this.handle.read(target, 0, target.byteLength, position);
    } catch (cause) {
      throw invalidCheckpoint(`${this.path} can't be read: ${(cause as Error).message}`, undefined, cause);
    }
  }
}

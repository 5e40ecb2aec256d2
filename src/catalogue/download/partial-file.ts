import { createHash, type Hash } from 'node:crypto';
import { createReadStream, writeSync } from 'node:fs';
import { open, readFile, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';

/** What has to be the same for a part to be gone on with. */
export interface PartState {
  /** Origin that the part came from: validators mean nothing to another one. */
  readonly origin: string;
  /** What its server called the file's state. */
  readonly validator: string | undefined;
  /** SHA-256 that its server declared. */
  readonly declaredSha256: string | undefined;
}

/** A file that is being fetched, with the checksum of what is there. Its state is stored beside it, for after a kill. */
export class PartialFile implements AsyncDisposable {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #hash: Hash = createHash('sha256');
  #state: PartState | undefined;
  #length = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Opens what an earlier attempt left, or nothing. */
  static async open(path: string): Promise<PartialFile> {
    const part = new PartialFile(path);
    part.#state = await readState(`${path}.json`);
    if (part.#state === undefined) {
      await rm(path, { force: true });
    }
    part.#handle = await open(path, 'a');
    part.#length = (await part.#handle.stat()).size;
    if (part.#length > 0) {
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
        part.#hash.update(chunk as Buffer);
      }
    }
    return part;
  }

  /** Bytes that are there. */
  get length(): number {
    return this.#length;
  }

  /** What they are part of; undefined where nothing is there. */
  get state(): PartState | undefined {
    return this.#length === 0 ? undefined : this.#state;
  }

  /** SHA-256 of what is there; nothing can be appended afterwards. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Throws away what is there. */
  async restart(state: PartState): Promise<void> {
    if (this.#length > 0) {
      await this.#opened.truncate(0);
    }
    this.#hash = createHash('sha256');
    this.#length = 0;
    this.#state = state;
    // Before the first byte: bytes of which nothing is known could not be gone on with.
    await writeFile(`${this.#path}.json`, JSON.stringify(state));
  }

  /**
   * Adds bytes at the end, before anything else happens: whoever reads a socket this way keeps up with it by not reading on,
   * and never has to pause it (see `Remote`). A chunk takes microseconds; its checksum takes longer than its writing.
   */
  append(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.byteLength;) {
      written += writeSync(this.#opened.fd, bytes, written);
    }
    this.#hash.update(bytes);
    this.#length += bytes.byteLength;
  }

  /** Lets go of the file, however long it is. */
  async finish(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** Lets go of the file; what is there stays, unless it is nothing. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
    if (handle !== undefined && this.#length === 0) {
      await removePartialFile(this.#path);
    }
  }

  /** {@inheritDoc PartialFile.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #opened(): FileHandle {
    if (this.#handle === undefined) {
      throw new Error(`${this.#path} is closed.`);
    }
    return this.#handle;
  }
}

/** Removes a part and what is known of it. */
export async function removePartialFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.json`, { force: true });
}

/** Bytes that are there of a part; 0 for none. */
export async function partialLength(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function readState(path: string): Promise<PartState | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PartState;
  } catch {
    return undefined;
  }
}

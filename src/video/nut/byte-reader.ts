import type { Readable } from 'node:stream';

/** Bytes that are read by the piece. */
export interface ByteInput {
  /** Makes at least one byte available; false at the end. */
  more(): Promise<boolean>;
  /** The next byte. Throws {@link UnexpectedEnd} at the end. */
  byte(): Promise<number>;
  /** Fills `target`. Throws {@link UnexpectedEnd} when the input ends before it is full. */
  fill(target: Uint8Array): Promise<void>;
  /** The next `length` bytes. */
  block(length: number): Promise<Buffer>;
  /** Lets go of what is read from. */
  close(): void;
}

/**
 * Reads a byte stream by the piece: single bytes, small blocks, and large blocks straight into a buffer of the caller's.
 * It reads ahead no further than the stream's own high-water mark, so that the other end is held back.
 */
export class ByteReader implements ByteInput {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async more(): Promise<boolean> {
    while (this.#offset >= this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done) {
        return false;
      }
      this.#chunk = next.value;
      this.#offset = 0;
    }
    return true;
  }

  async byte(): Promise<number> {
    if (this.#offset >= this.#chunk.length && !(await this.more())) {
      throw new UnexpectedEnd();
    }
    const value = this.#chunk[this.#offset] ?? 0;
    this.#offset += 1;
    return value;
  }

  async fill(target: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#offset >= this.#chunk.length && !(await this.more())) {
        throw new UnexpectedEnd();
      }
      const end = Math.min(this.#chunk.length, this.#offset + target.length - filled);
      target.set(this.#chunk.subarray(this.#offset, end), filled);
      filled += end - this.#offset;
      this.#offset = end;
    }
  }

  async block(length: number): Promise<Buffer> {
    const block = Buffer.allocUnsafe(length);
    await this.fill(block);
    return block;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** The stream ended in the middle of something. */
export class UnexpectedEnd extends Error {
  constructor() {
    super('The stream ended in the middle of a frame.');
    this.name = 'UnexpectedEnd';
  }
}

import { connect, type Socket } from 'node:net';

import { UnexpectedEnd, type ByteInput } from './byte-reader.js';

/** Bytes that are read ahead of a request: room for what stands before a frame, not for the frame. */
const scratchLength = 1024;

/**
 * Reads from a socket straight into the buffers it is asked to fill: the kernel writes a frame's bytes where they are to
 * be, and nothing is allocated a frame. (A stream would allocate 64 KiB a chunk, copy it, and keep the garbage collector
 * busy on other threads.) Between two requests the socket isn't read, so that the other end is held back.
 */
export class SocketReader implements ByteInput {
  readonly #socket: Socket;
  readonly #scratch = new Uint8Array(scratchLength);
  #scratchStart = 0;
  #scratchEnd = 0;
  #target: Uint8Array | undefined;
  #filled = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(path: string, onConnect: () => void, onFailure: (error: Error) => void) {
    let connected = false;
    this.#socket = connect({
      path,
      onread: {
        // Asked for after each read: where the next bytes go.
        buffer: () => this.#target?.subarray(this.#filled) ?? this.#scratch,
        callback: (length, buffer) => this.#take(length, buffer),
      },
    });
    this.#socket.pause();
    this.#socket.once('connect', () => {
      connected = true;
      onConnect();
    });
    this.#socket.on('error', (error) => (connected ? this.#end() : onFailure(error)));
    this.#socket.on('end', () => this.#end());
    this.#socket.on('close', () => this.#end());
  }

  /** Connects to a socket that somebody listens on; rejects when nobody does. */
  static connect(path: string): Promise<SocketReader> {
    return new Promise((resolve, reject) => {
      const reader: SocketReader = new SocketReader(path, () => resolve(reader), reject);
    });
  }

  async more(): Promise<boolean> {
    while (this.#scratchStart >= this.#scratchEnd && !this.#ended) {
      await this.#read();
    }
    return this.#scratchStart < this.#scratchEnd;
  }

  async byte(): Promise<number> {
    if (this.#scratchStart >= this.#scratchEnd && !(await this.more())) {
      throw new UnexpectedEnd();
    }
    const value = this.#scratch[this.#scratchStart] ?? 0;
    this.#scratchStart += 1;
    return value;
  }

  async fill(target: Uint8Array): Promise<void> {
    const ahead = this.#scratch.subarray(
      this.#scratchStart,
      Math.min(this.#scratchEnd, this.#scratchStart + target.length),
    );
    target.set(ahead);
    this.#scratchStart += ahead.length;
    this.#filled = ahead.length;
    this.#target = target;
    while (this.#filled < target.length && !this.#ended) {
      await this.#read();
    }
    this.#target = undefined;
    if (this.#filled < target.length) {
      throw new UnexpectedEnd();
    }
  }

  async block(length: number): Promise<Buffer> {
    const block = Buffer.allocUnsafe(length);
    await this.fill(block);
    return block;
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  /** Resolves when what was asked for is there, or nothing more will be. */
  async #read(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#socket.resume();
    });
  }

  /** Takes note of bytes that have arrived; false to read no further for now. */
  #take(length: number, buffer: Uint8Array): boolean {
    const target = this.#target;
    if (buffer.buffer === this.#scratch.buffer) {
      this.#scratchStart = 0;
      this.#scratchEnd = length;
      if (target !== undefined) {
        const part = this.#scratch.subarray(0, Math.min(length, target.length - this.#filled));
        target.set(part, this.#filled);
        this.#filled += part.length;
        this.#scratchStart = part.length;
      }
    } else {
      this.#filled += length;
    }
    if (target !== undefined && this.#filled < target.length) {
      return true;
    }
    this.#target = undefined;
    this.#socket.pause();
    this.#wake?.();
    return false;
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

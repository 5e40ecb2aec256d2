import { invalidCheckpoint } from '../invalid-checkpoint.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Goes over the bytes of a pickle; little-endian, never past the end. */
export class ByteCursor {
  #at = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly description: string,
  ) {}

  /** Where it stands. */
  get position(): number {
    return this.#at;
  }

  unsigned(size: 1 | 2 | 4): number {
    return this.bytes.readUIntLE(this.#advance(size), size);
  }

  /** A length of eight bytes. */
  longLength(): number {
    return Number(this.bytes.readBigUInt64LE(this.#advance(8)));
  }

  int32(): number {
    return this.bytes.readInt32LE(this.#advance(4));
  }

  /** Big-endian, as pickle has it. */
  float64(): number {
    return this.bytes.readDoubleBE(this.#advance(8));
  }

  take(length: number): Buffer {
    const from = this.#advance(length);
    return this.bytes.subarray(from, from + length);
  }

  text(length: number): string {
    return this.#decode(this.take(length));
  }

  /** The text up to the next line feed. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) {
      throw this.fault('a line has no end');
    }
    const text = this.#decode(this.bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  /** The error of a pickle that can't be read. */
  fault(what: string): Error {
    return invalidCheckpoint(`${this.description} can't be read: ${what} (at byte ${this.#at} of its pickle).`);
  }

  #decode(bytes: Buffer): string {
    try {
      return decoder.decode(bytes);
    } catch {
      throw this.fault('a text is not UTF-8');
    }
  }

  #advance(length: number): number {
    const from = this.#at;
    if (length > this.bytes.length - from) {
      throw this.fault('it is cut off');
    }
    this.#at += length;
    return from;
  }
}

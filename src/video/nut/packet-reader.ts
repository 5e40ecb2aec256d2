/** The bytes that came are no NUT stream of raw pictures. */
export class NutError extends Error {
  constructor(what: string) {
    super(`Unexpected bytes from ffmpeg: ${what}.`);
    this.name = 'NutError';
  }
}

/** Reads numbers and strings from a packet that is in memory. */
export class PacketReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  v(): number {
    let value = 0;
    for (;;) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined) {
        throw new NutError('a packet is shorter than its content');
      }
      this.#offset += 1;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) {
        return value;
      }
    }
  }

  s(): number {
    const value = this.v() + 1;
    return value % 2 === 1 ? -(value - 1) / 2 : value / 2;
  }

  bytes(length: number): Uint8Array {
    const part = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return part;
  }
}

import type { Readable } from 'node:stream';

import { rgbByteLength, type Rational, type RgbPixels } from '../../frame/frame.js';
import { ByteReader, type ByteInput } from './byte-reader.js';
import { readFrameCodes, type FrameCode } from './frame-codes.js';
import { NutError, PacketReader } from './packet-reader.js';
import { fileId, frameFlags, startCodeByte, startCodes } from './syntax.js';

/** What a NUT stream of raw pictures says of itself before its first frame. */
export interface NutVideoHeader {
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Seconds a tick of a frame's timestamp. */
  readonly timeBase: Rational;
  /** Width of a pixel over its height; undefined where unknown. */
  readonly sampleAspectRatio: Rational | undefined;
}

/** What stands before a frame's bytes. */
interface FrameHeader {
  readonly timestamp: number;
  readonly key: boolean;
  /** Bytes of the frame, those left out included. */
  readonly size: number;
  /** Its first bytes, which are left out of the stream. */
  readonly elided: Uint8Array;
}

/** A coded picture as it stood in the stream. */
export interface NutPacket {
  /** In ticks of the stream's time base. */
  readonly timestamp: number;
  /** Whether it can be decoded without those before it. */
  readonly key: boolean;
  /** Its bytes. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The largest coded picture that is read: far more than any encoder makes of a frame. */
const largestPacket = 1 << 26;

/** Reads the one video stream of a NUT stream: raw RGB pictures (`-c:v rawvideo -pix_fmt rgb24`), or coded ones. */
export class NutReader {
  readonly #input: ByteInput;
  #frameCodes: FrameCode[] = [];
  #elidedHeaders: Uint8Array[] = [new Uint8Array(0)];
  #timeBase: Rational = { numerator: 1, denominator: 1 };
  #msbPtsShift = 0;
  #lastPts = 0;
  #byteLength = 0;

  /** @param input - Where the bytes come from. */
  constructor(input: Readable | ByteInput) {
    this.#input = 'fill' in input ? input : new ByteReader(input);
  }

  /** Reads up to the first frame; undefined when the stream ends before it. */
  async readHeader(): Promise<NutVideoHeader | undefined> {
    if (!(await this.#input.more())) {
      return undefined;
    }
    if (!(await this.#input.block(fileId.length)).equals(fileId)) {
      throw new NutError('not a NUT stream');
    }
    let header: NutVideoHeader | undefined;
    while (header === undefined) {
      const { startCode, content } = await this.#readPacket(await this.#input.byte());
      if (startCode === startCodes.main) {
        this.#readMainHeader(new PacketReader(content));
      } else if (startCode === startCodes.stream) {
        header = this.#readStreamHeader(new PacketReader(content));
      }
    }
    this.#byteLength = rgbByteLength(header.width, header.height);
    return header;
  }

  /**
   * Reads the next frame's pixels into a buffer that `acquire` gives; undefined after the last one.
   *
   * @param acquire - Called once a frame is there, for a buffer of exactly its size.
   */
  async readFrame(acquire: () => ArrayBuffer): Promise<{ timestamp: number; pixels: RgbPixels } | undefined> {
    const header = await this.#nextFrameHeader();
    if (header === undefined) {
      return undefined;
    }
    if (header.size !== this.#byteLength) {
      throw new NutError(`a frame of ${header.size} bytes where ${this.#byteLength} were due`);
    }
    const pixels = new Uint8Array(acquire());
    await this.#fill(pixels, header);
    return { timestamp: header.timestamp, pixels };
  }

  /** Reads the next coded picture; undefined after the last one. */
  async readPacket(): Promise<NutPacket | undefined> {
    const header = await this.#nextFrameHeader();
    if (header === undefined) {
      return undefined;
    }
    if (header.size > largestPacket) {
      throw new NutError(`a coded picture of ${header.size} bytes`);
    }
    const data = new Uint8Array(header.size);
    await this.#fill(data, header);
    return { timestamp: header.timestamp, key: header.key, data };
  }

  /** Reads up to the next frame's bytes; undefined at the end. */
  async #nextFrameHeader(): Promise<FrameHeader | undefined> {
    for (;;) {
      if (!(await this.#input.more())) {
        return undefined;
      }
      const code = await this.#input.byte();
      if (code !== startCodeByte) {
        return this.#readFrameHeader(this.#frameCodes[code]);
      }
      const { startCode, content } = await this.#readPacket(code);
      if (startCode === startCodes.syncpoint) {
        const packet = new PacketReader(content);
        // One stream, one time base: the syncpoint's timestamp is the stream's.
        this.#lastPts = packet.v();
      }
    }
  }

  async #readFrameHeader(code: FrameCode | undefined): Promise<FrameHeader> {
    if (code === undefined || (code.flags & frameFlags.invalid) !== 0) {
      throw new NutError('an invalid frame code');
    }
    let { flags, reserved, headerIndex } = code;
    let timestamp = this.#lastPts + code.ptsDelta;
    let size = code.sizeLsb;
    if (flags & frameFlags.coded) {
      flags ^= await this.#v();
    }
    if (flags & frameFlags.streamId) {
      await this.#v();
    }
    if (flags & frameFlags.codedPts) {
      timestamp = this.#fullTimestamp(await this.#v());
    }
    if (flags & frameFlags.sizeMsb) {
      size += code.sizeMultiplier * (await this.#v());
    }
    if (flags & frameFlags.matchTime) {
      await this.#v();
    }
    if (flags & frameFlags.headerIndex) {
      headerIndex = await this.#v();
    }
    if (flags & frameFlags.reserved) {
      reserved = await this.#v();
    }
    for (; reserved > 0; reserved -= 1) {
      await this.#v();
    }
    if (flags & frameFlags.checksum) {
      await this.#input.block(4);
    }
    this.#lastPts = timestamp;
    // Frames over 4096 bytes have no elided header.
    const elided = (size > 4096 ? undefined : this.#elidedHeaders[headerIndex]) ?? new Uint8Array(0);
    return { timestamp, key: (flags & frameFlags.key) !== 0, size, elided };
  }

  async #fill(target: Uint8Array, { elided }: FrameHeader): Promise<void> {
    target.set(elided);
    await this.#input.fill(target.subarray(elided.length));
  }

  /** A timestamp from its coded form: whole, or its low bits with the rest taken from the one before. */
  #fullTimestamp(coded: number): number {
    const range = 2 ** this.#msbPtsShift;
    if (coded >= range) {
      return coded - range;
    }
    const delta = this.#lastPts - range / 2 + 1;
    return ((((coded - delta) % range) + range) % range) + delta;
  }

  async #v(): Promise<number> {
    let value = 0;
    for (;;) {
      const byte = await this.#input.byte();
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) {
        return value;
      }
    }
  }

  async #readPacket(firstByte: number): Promise<{ startCode: bigint; content: Uint8Array }> {
    const code = Buffer.concat([Buffer.from([firstByte]), await this.#input.block(7)]);
    const length = await this.#v();
    if (length > 1 << 24) {
      throw new NutError(`a packet of ${length} bytes`);
    }
    if (length > 4096) {
      await this.#input.block(4);
    }
    const body = await this.#input.block(length);
    return { startCode: code.readBigUInt64BE(), content: body.subarray(0, Math.max(0, length - 4)) };
  }

  #readMainHeader(packet: PacketReader): void {
    const version = packet.v();
    if (version !== 3) {
      throw new NutError(`NUT version ${version}`);
    }
    const streams = packet.v();
    packet.v(); // the longest distance between syncpoints
    const timeBases = packet.v();
    if (streams !== 1 || timeBases !== 1) {
      throw new NutError('more than one stream');
    }
    this.#timeBase = { numerator: packet.v(), denominator: packet.v() };
    this.#frameCodes = readFrameCodes(packet);
    if (!packet.atEnd) {
      for (let count = packet.v(); count > 0; count -= 1) {
        this.#elidedHeaders.push(packet.bytes(packet.v()));
      }
    }
  }

  #readStreamHeader(packet: PacketReader): NutVideoHeader {
    packet.v(); // stream
    if (packet.v() !== 0) {
      throw new NutError('no video stream');
    }
    packet.bytes(packet.v()); // codec tag
    packet.v(); // time base
    this.#msbPtsShift = packet.v();
    packet.v(); // the longest distance between timestamps
    packet.v(); // decode delay
    packet.v(); // flags
    packet.bytes(packet.v()); // codec specific bytes
    const [width, height] = [packet.v(), packet.v()];
    const [numerator, denominator] = [packet.v(), packet.v()];
    const sampleAspectRatio = numerator > 0 && denominator > 0 ? { numerator, denominator } : undefined;
    return { width, height, timeBase: this.#timeBase, sampleAspectRatio };
  }
}

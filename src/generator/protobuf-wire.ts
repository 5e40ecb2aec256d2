/** Bytes that can be looked at one by one, wherever they are. */
export interface ByteSource {
  byte(at: number): number;
}

/** One field of a protobuf message: where it lies, and its number, where it is one. */
export interface Field {
  /** Its number in the message's definition. */
  readonly number: number;
  /** How it is written: 0 as a number, 2 as a length and that many bytes, 1 and 5 as eight and four bytes. */
  readonly wire: number;
  /** The number, of a field that is one. */
  readonly value: number;
  /** Where all of it begins. */
  readonly start: number;
  /** Where the content of any field but a number begins. */
  readonly from: number;
  /** Where it ends. */
  readonly to: number;
}

/**
 * The fields of a message, in the order in which they are written. Their contents are passed over, not read.
 *
 * @throws Error, when what lies there is no message, or ends before it should.
 */
export function* fields(source: ByteSource, from: number, to: number): Generator<Field> {
  let at = from;
  while (at < to) {
    const start = at;
    const tag = varint(source, at, to);
    at = tag.next;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number === 0 || (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)) {
      throw new Error('it is not an ONNX file');
    }
    const head = wire === 0 || wire === 2 ? varint(source, at, to) : { value: wire === 1 ? 8 : 4, next: at };
    const end = wire === 0 ? head.next : head.next + head.value;
    if (end > to) {
      throw new Error(`it is cut off, or not an ONNX file (a part of ${head.value} bytes begins at ${at} of ${to})`);
    }
    yield { number, wire, value: wire === 0 ? head.value : 0, start, from: head.next, to: end };
    at = end;
  }
}

/** A whole number from 0 as protobuf writes it: seven bits a byte, the lowest first. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    bytes.push((rest % 0x80) + 0x80);
  }
  return Uint8Array.of(...bytes, rest);
}

/** A field that holds a message or text, from its content in pieces. */
export function encodeField(number: number, content: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = content.reduce((sum, { length }) => sum + length, 0);
  return [encodeVarint(number * 8 + 2), encodeVarint(length), ...content];
}

function varint(source: ByteSource, at: number, to: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    if (at + i >= to) {
      throw new Error(`it is cut off at byte ${to}`);
    }
    const byte = source.byte(at + i);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      return { value, next: at + i + 1 };
    }
  }
  throw new Error('it is not an ONNX file');
}

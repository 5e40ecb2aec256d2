import { open } from 'node:fs/promises';

/**
 * Compares the length that an AVI or Matroska file states at its beginning with what is there; undefined when nothing
 * is missing, or the file states none.
 */
export async function findMissingEnd(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    const { size } = await file.stat();
    const stated = statedLength(buffer.subarray(0, bytesRead)) ?? 0;
    return size < stated ? `the file has ${size} of ${stated} bytes` : undefined;
  } finally {
    await file.close();
  }
}

function statedLength(start: Buffer): number | undefined {
  if (start.length > 12 && start.toString('latin1', 0, 4) === 'RIFF') {
    return start.readUInt32LE(4) + 8;
  }
  // Matroska: a header and then a segment with all the rest, each with its name, its size and its content.
  if (start.length > 32 && start.readUInt32BE() === 0x1a45dfa3) {
    const header = elementSize(start, 4);
    const segment = header === undefined ? start.length : header.content + header.size;
    if (segment + 12 <= start.length && start.readUInt32BE(segment) === 0x18538067) {
      const body = elementSize(start, segment + 4);
      return body && body.content + body.size;
    }
  }
  return undefined;
}

/** An element's size, and where its content begins; undefined where it is left open, as in a live recording. */
function elementSize(bytes: Buffer, at: number): { size: number; content: number } | undefined {
  const first = bytes[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8) {
    return undefined;
  }
  const digits = Array.from(bytes.subarray(at + 1, at + length));
  const lead = first & (0xff >> length);
  if (lead === 0xff >> length && digits.every((digit) => digit === 0xff)) {
    return undefined;
  }
  return { size: digits.reduce((sum, digit) => sum * 256 + digit, lead), content: at + length };
}

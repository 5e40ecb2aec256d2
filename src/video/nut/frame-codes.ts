import type { PacketReader } from './packet-reader.js';
import { frameFlags, startCodeByte } from './syntax.js';

/** What one byte before a frame stands for. */
export interface FrameCode {
  readonly flags: number;
  readonly ptsDelta: number;
  readonly sizeMultiplier: number;
  readonly sizeLsb: number;
  readonly reserved: number;
  readonly headerIndex: number;
}

/** The table that says what each frame code stands for; runs of alike codes are written as one entry. */
export function readFrameCodes(packet: PacketReader): FrameCode[] {
  const codes: FrameCode[] = [];
  let [ptsDelta, sizeMultiplier, headerIndex] = [0, 1, 0];
  while (codes.length < 256) {
    const flags = packet.v();
    const fields = packet.v();
    ptsDelta = fields > 0 ? packet.s() : ptsDelta;
    sizeMultiplier = fields > 1 ? packet.v() : sizeMultiplier;
    if (fields > 2) {
      packet.v(); // stream
    }
    const size = fields > 3 ? packet.v() : 0;
    const reserved = fields > 4 ? packet.v() : 0;
    const count = fields > 5 ? packet.v() : sizeMultiplier - size;
    if (fields > 6) {
      packet.s();
    }
    headerIndex = fields > 7 ? packet.v() : headerIndex;
    for (let extra = fields; extra > 8; extra -= 1) {
      packet.v();
    }
    for (let step = 0; step < count && codes.length < 256;) {
      if (codes.length === startCodeByte) {
        codes.push({
          flags: frameFlags.invalid,
          ptsDelta: 0,
          sizeMultiplier: 1,
          sizeLsb: 0,
          reserved: 0,
          headerIndex: 0,
        });
        continue;
      }
      codes.push({ flags, ptsDelta, sizeMultiplier, sizeLsb: size + step, reserved, headerIndex });
      step += 1;
    }
  }
  return codes;
}

/**
 * The words of the NUT container that both sides of a pipe to ffmpeg use.
 *
 * NUT is ffmpeg's own container for raw material: unlike a bare `rawvideo` pipe it carries an exact timestamp with every
 * frame, in any time base, and adds about thirty bytes to it. Specification: doc/nut.txt of the NUT project
 * (https://github.com/lu-zero/nut), as libavformat/nutenc.c and nutdec.c read and write it.
 */

/** First bytes of every NUT file, closed by a zero byte. */
export const fileId = Buffer.from('nut/multimedia container\0', 'latin1');

/** Eight-byte marks that begin a packet. All begin with 'N', which is no valid frame code. */
export const startCodes = {
  main: 0x4e4d7a561f5f04adn,
  stream: 0x4e5311405bf2f9dbn,
  syncpoint: 0x4e4be4adeeca4569n,
  index: 0x4e58dd672f23e64en,
  info: 0x4e49ab68b596ba78n,
} as const;

/** Flags of a frame code. */
export const frameFlags = {
  key: 1,
  codedPts: 1 << 3,
  streamId: 1 << 4,
  sizeMsb: 1 << 5,
  checksum: 1 << 6,
  reserved: 1 << 7,
  sideData: 1 << 8,
  headerIndex: 1 << 10,
  matchTime: 1 << 11,
  coded: 1 << 12,
  invalid: 1 << 13,
} as const;

/** The frame code that is a start code's first byte. */
export const startCodeByte = 0x4e;

/** RGB, 8 bits a channel, rows without padding: the codec tag ffmpeg gives `rgb24` in NUT. */
export const rgb24Tag = Buffer.from([0x52, 0x47, 0x42, 24]);

/** H.264 in Annex B form. */
export const h264Tag = Buffer.from('H264', 'latin1');

/** JPEG pictures. */
export const mjpegTag = Buffer.from('MJPG', 'latin1');

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
});

/** CRC-32 with polynomial 04C11DB7, from 0, most significant bit first: NUT's checksum. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  }
  return crc;
}

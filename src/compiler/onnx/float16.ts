/**
 * Half-precision numbers (IEEE 754 binary16) in a Uint16Array: Node 20 has no Float16Array.
 */

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** Bits of positive infinity. */
const infinity = 0x7c00;

/**
 * The nearest half-precision number, ties to even; beyond 65504 (from 65520 on) infinity.
 *
 * @returns Its 16 bits.
 */
export function toHalf(value: number): number {
  single[0] = value;
  return halfOfBits(singleBits[0] ?? 0);
}

/** The number that 16 bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) {
    return sign * fraction * 2 ** -24;
  }
  if (exponent === 31) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Converts to half precision, nearest, ties to even.
 *
 * @param from - What to convert.
 * @param to - Where the bits go; as long as `from`.
 * @returns Position of the first number that is finite but too large for half precision; -1 where there is none.
 */
export function convertToHalf(from: Float32Array, to: Uint16Array): number {
  // The bits may be read through another view of the same memory: nothing is copied.
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length);
  let overflow = -1;
  for (let i = 0; i < bits.length; i++) {
    const source = bits[i] ?? 0;
    const half = halfOfBits(source);
    if ((half & 0x7fff) === infinity && (source & 0x7fffffff) !== 0x7f800000 && overflow < 0) {
      overflow = i;
    }
    to[i] = half;
  }
  return overflow;
}

function halfOfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return sign | 0x7e00;
  }
  // 65520 is the first number nearer to 65536 than to 65504.
  if (magnitude >= 0x477ff000) {
    return sign | infinity;
  }
  if (magnitude >= 0x38800000) {
    // A normal half: 13 bits of the fraction go, the exponent's bias shrinks by 112.
    const kept = magnitude - 0x38000000;
    return sign | ((kept + 0xfff + ((kept >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= 0x33000000) {
    return sign;
  }
  // A subnormal half: a multiple of 2^-24.
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0));
}

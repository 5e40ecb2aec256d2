import { describe, expect, it } from 'vitest';

import { convertToHalf, fromHalf, toHalf } from '../../../dist/compiler/onnx/float16.js';

describe('half precision', () => {
  it('gives every half back as itself', () => {
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const value = fromHalf(bits);
      if (!Number.isNaN(value)) {
        expect(toHalf(value)).toBe(bits);
      }
    }
  });

  it('rounds to the nearest, and a tie to the even one', () => {
    // Every pair of neighbours: their middle, and a single-precision step to either side of it.
    const step = new Float32Array(1);
    const bitsOf = new Uint32Array(step.buffer);
    for (let bits = 0; bits < 0x7bff; bits += 1) {
      const middle = (fromHalf(bits) + fromHalf(bits + 1)) / 2;
      expect(toHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
      step[0] = middle;
      bitsOf[0] = (bitsOf[0] ?? 0) + 1;
      expect(toHalf(step[0])).toBe(bits + 1);
      bitsOf[0] -= 2;
      expect(toHalf(step[0])).toBe(bits);
    }
  });

  it('knows what is too large, too small, and no number', () => {
    expect(toHalf(65519.996)).toBe(0x7bff);
    expect(toHalf(65520)).toBe(0x7c00);
    expect(toHalf(-Infinity)).toBe(0xfc00);
    expect(toHalf(-1e-9)).toBe(0x8000);
    expect(fromHalf(toHalf(NaN))).toBeNaN();
  });

  it('tells where a number does not fit', () => {
    const to = new Uint16Array(4);
    expect(convertToHalf(Float32Array.of(1, -2, 0.5, Infinity), to)).toBe(-1);
    expect([...to].map(fromHalf)).toEqual([1, -2, 0.5, Infinity]);
    expect(convertToHalf(Float32Array.of(1, 7e4, -8e4, 0), to)).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';

import { add, equal, evaluate, floorDivide, multiply, symbol } from '../../../dist/compiler/onnx/dimension.js';

describe('sizes that are known later', () => {
  const height = symbol('height', 8);
  const width = symbol('width', 8);

  it('come back whole after division by what they are a multiple of', () => {
    const latent = floorDivide(height, 8);
    expect(String(latent)).toBe('height/8');
    expect(equal(multiply(latent, 8), height)).toBe(true);
    expect(String(multiply(latent, 8))).toBe('height');
    expect(equal(floorDivide(floorDivide(height, 2), 2), floorDivide(height, 4))).toBe(true);
  });

  it('are rounded where they do not divide', () => {
    const latent = floorDivide(height, 8);
    const half = floorDivide(add(latent, 1), 2);
    expect(equal(multiply(half, 2), latent)).toBe(false);
    expect(evaluate(half, { height: 360 })).toBe(23);
    expect(evaluate(half, { height: 512 })).toBe(32);
    expect(evaluate(floorDivide(add(half, 1), 2), { height: 360 })).toBe(12);
  });

  it('are equal when the same is written in another way', () => {
    expect(equal(multiply(height, width), multiply(width, height))).toBe(true);
    expect(equal(add(height, height), multiply(height, 2))).toBe(true);
    expect(equal(add(add(height, 3), -3), height)).toBe(true);
    expect(equal(add(height, multiply(height, -1)), 0)).toBe(true);
    expect(equal(height, width)).toBe(false);
  });

  it('stay numbers where all is known', () => {
    expect(multiply(3, add(4, floorDivide(9, 2)))).toBe(24);
  });

  it('refuse a size that breaks the promise', () => {
    expect(() => evaluate(height, { height: 100 })).toThrow('height is 100; a multiple of 8 is needed.');
    expect(() => evaluate(height, {})).toThrow('height is not given');
  });
});

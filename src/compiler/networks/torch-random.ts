/**
 * The standard normal numbers of `torch.manual_seed(seed); torch.randn(count)` on a CPU, so that whoever compares with the
 * reference can make the same ones: Mersenne Twister (MT19937) and the Box-Muller transform, as ATen's
 * `normal_fill` (aten/src/ATen/native/cpu/DistributionTemplates.h) does them.
 *
 * @param count - A multiple of 16.
 */
export function torchRandn(seed: number, count: number): Float32Array {
  const random = mersenneTwister(seed);
  // 24 bits: what single precision holds.
  const values = Float32Array.from({ length: count }, () => (random() & 0xffffff) / 2 ** 24);
  for (let block = 0; block < count; block += 16) {
    for (let i = block; i < block + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(Math.fround(1 - (values[i] ?? 0))));
      const angle = 2 * Math.PI * (values[i + 8] ?? 0);
      values[i] = radius * Math.cos(angle);
      values[i + 8] = radius * Math.sin(angle);
    }
  }
  return values;
}

const length = 624;
const middle = 397;

/** Gives a new whole number of 32 bits at each call. Source: Matsumoto and Nishimura, mt19937ar.c. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(length);
  state[0] = seed;
  for (let i = 1; i < length; i++) {
    const previous = state[i - 1] ?? 0;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  const word = (i: number) => state[i % length] ?? 0;
  let next = length;
  return () => {
    if (next === length) {
      for (let i = 0; i < length; i++) {
        const bits = (word(i) & 0x80000000) | (word(i + 1) & 0x7fffffff);
        state[i] = word(i + middle) ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
      }
      next = 0;
    }
    let bits = word(next++);
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  };
}

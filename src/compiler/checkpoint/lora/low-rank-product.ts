/** Columns that are done at a time: 16 of A's rows of them fit a core's first cache. */
const columnsPerBlock = 512;

/** Ranks whose products are summed before the weight is written. */
const ranksPerPass = 8;

/**
 * weight += scale * B A, in place.
 *
 * @param weight - [rows, columns]
 * @param b - [rows, rank]
 * @param a - [rank, columns]
 */
export function addLowRankProduct(
  weight: Float32Array,
  b: Float32Array,
  a: Float32Array,
  rank: number,
  scale: number,
): void {
  if (rank === 0 || weight.length === 0) {
    return;
  }
  const columns = a.length / rank;
  const rows = b.length / rank;
  // B with its factors in, and zeros up to a whole number of passes; A likewise.
  const passes = Math.ceil(rank / ranksPerPass);
  const factors = new Float32Array(rows * passes * ranksPerPass);
  for (let row = 0; row < rows; row++) {
    for (let r = 0; r < rank; r++) {
      factors[row * passes * ranksPerPass + r] = scale * (b[row * rank + r] ?? 0);
    }
  }
  const padded = new Float32Array(passes * ranksPerPass * columns);
  padded.set(a);
  for (let from = 0; from < columns; from += columnsPerBlock) {
    const to = Math.min(from + columnsPerBlock, columns);
    for (let pass = 0; pass < passes; pass++) {
      const block = padded.subarray(pass * ranksPerPass * columns, (pass + 1) * ranksPerPass * columns);
      for (let row = 0; row < rows; row++) {
        const at = (row * passes + pass) * ranksPerPass;
        addEight(weight, row * columns, block, columns, factors.subarray(at, at + ranksPerPass), from, to);
      }
    }
  }
}

/** Adds eight rows of A, each times its factor, to a part of one row of the weight. */
function addEight(
  weight: Float32Array,
  rowStart: number,
  a: Float32Array,
  columns: number,
  factors: Float32Array,
  from: number,
  to: number,
): void {
  const [f0 = 0, f1 = 0, f2 = 0, f3 = 0, f4 = 0, f5 = 0, f6 = 0, f7 = 0] = factors;
  for (let column = from; column < to; column++) {
    const at = rowStart + column;
    weight[at] =
      (weight[at] ?? 0) +
      f0 * (a[column] ?? 0) +
      f1 * (a[columns + column] ?? 0) +
      f2 * (a[2 * columns + column] ?? 0) +
      f3 * (a[3 * columns + column] ?? 0) +
      f4 * (a[4 * columns + column] ?? 0) +
      f5 * (a[5 * columns + column] ?? 0) +
      f6 * (a[6 * columns + column] ?? 0) +
      f7 * (a[7 * columns + column] ?? 0);
  }
}

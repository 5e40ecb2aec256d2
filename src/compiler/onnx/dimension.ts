/**
 * Sizes that may be known only when a session is made: whole-number polynomials over named sizes, in one normal form, so
 * that two sizes are equal exactly when their texts are.
 */

/** Length of one axis: a number, or an expression over the graph's named sizes. */
export type Dimension = number | SymbolicDimension;

/** Lengths of all axes of a tensor. */
export type Shape = readonly Dimension[];

/** What a polynomial is made of: a named size in its unit, or the rounded-down quotient of a polynomial. */
interface Atom {
  readonly key: string;
  readonly evaluate: (sizes: Readonly<Record<string, number>>) => number;
  /** Of a named size: the atom is `name / unit`. */
  readonly name?: string;
  readonly unit?: number;
}

interface Term {
  readonly coefficient: number;
  /** Sorted by key; empty in the constant term. */
  readonly atoms: readonly Atom[];
}

/** An expression over named sizes; made by {@link symbol} and the arithmetic below. */
export class SymbolicDimension {
  /** @internal */
  constructor(readonly terms: readonly Term[]) {}

  toString(): string {
    return this.terms.map(termText).join('+').replaceAll('+-', '-');
  }
}

/**
 * A named size.
 *
 * @param multipleOf - What it is promised to be a multiple of: `symbol('height', 8)` divided by 8 and multiplied by 8
 *   again is `height` itself.
 */
export function symbol(name: string, multipleOf = 1): SymbolicDimension {
  const atom: Atom = {
    key: multipleOf === 1 ? name : `${name}/${multipleOf}`,
    evaluate: (sizes) => {
      const size = sizes[name];
      if (size === undefined || size % multipleOf !== 0) {
        throw new RangeError(`${name} is ${size ?? 'not given'}; a multiple of ${multipleOf} is needed.`);
      }
      return size / multipleOf;
    },
    name,
    unit: multipleOf,
  };
  return new SymbolicDimension([{ coefficient: multipleOf, atoms: [atom] }]);
}

export function add(a: Dimension, b: Dimension): Dimension {
  return typeof a === 'number' && typeof b === 'number' ? a + b : normalise([...termsOf(a), ...termsOf(b)]);
}

export function multiply(...factors: readonly Dimension[]): Dimension {
  return factors.reduce<Dimension>((a, b) => {
    if (typeof a === 'number' && typeof b === 'number') {
      return a * b;
    }
    const terms = termsOf(a).flatMap((left) =>
      termsOf(b).map((right) => ({
        coefficient: left.coefficient * right.coefficient,
        atoms: [...left.atoms, ...right.atoms].sort((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0)),
      })),
    );
    return normalise(terms);
  }, 1);
}

/** The quotient, rounded down, by a whole number. */
export function floorDivide(a: Dimension, divisor: number): Dimension {
  if (typeof a === 'number') {
    return Math.floor(a / divisor);
  }
  // What divides evenly comes out of the rounding.
  const even = a.terms.filter(({ coefficient }) => coefficient % divisor === 0);
  const quotient = normalise(even.map((term) => ({ ...term, coefficient: term.coefficient / divisor })));
  const rest = normalise(a.terms.filter(({ coefficient }) => coefficient % divisor !== 0));
  if (typeof rest === 'number') {
    return add(quotient, Math.floor(rest / divisor));
  }
  const atom: Atom = {
    key: `floor((${rest.toString()})/${divisor})`,
    evaluate: (sizes) => Math.floor(evaluate(rest, sizes) / divisor),
  };
  return add(quotient, new SymbolicDimension([{ coefficient: 1, atoms: [atom] }]));
}

export function equal(a: Dimension, b: Dimension): boolean {
  return a === b || String(a) === String(b);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => equal(dimension, b[axis] ?? NaN));
}

/** The number that a size is, once the named sizes are known. */
export function evaluate(dimension: Dimension, sizes: Readonly<Record<string, number>>): number {
  return termsOf(dimension).reduce(
    (sum, { coefficient, atoms }) => sum + atoms.reduce((value, atom) => value * atom.evaluate(sizes), coefficient),
    0,
  );
}

/** Number of elements of a tensor. */
export function elementCount(shape: Shape): Dimension {
  return multiply(...shape);
}

export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

function termsOf(dimension: Dimension): readonly Term[] {
  return typeof dimension === 'number' ? [{ coefficient: dimension, atoms: [] }] : dimension.terms;
}

function normalise(terms: readonly Term[]): Dimension {
  const sums = new Map<string, Term>();
  for (const { coefficient, atoms } of terms) {
    const key = atoms.map((atom) => atom.key).join('*');
    sums.set(key, { coefficient: (sums.get(key)?.coefficient ?? 0) + coefficient, atoms });
  }
  const kept = [...sums].filter(([, { coefficient }]) => coefficient !== 0);
  // The constant term, whose key is empty, comes last.
  kept.sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
  const normal = kept.map(([, term]) => term);
  const [first] = normal;
  if (first === undefined) {
    return 0;
  }
  return normal.length === 1 && first.atoms.length === 0 ? first.coefficient : new SymbolicDimension(normal);
}

function termText({ coefficient, atoms }: Term): string {
  const [first] = atoms;
  if (first === undefined) {
    return String(coefficient);
  }
  if (atoms.length === 1 && first.name !== undefined && first.unit !== undefined) {
    if (coefficient % first.unit === 0) {
      return coefficient === first.unit ? first.name : `${coefficient / first.unit}*${first.name}`;
    }
    if (first.unit % coefficient === 0 && coefficient > 0) {
      return `${first.name}/${first.unit / coefficient}`;
    }
  }
  const product = atoms.map((atom) => `(${atom.key})`).join('*');
  return coefficient === 1 ? product : `${coefficient}*${product}`;
}

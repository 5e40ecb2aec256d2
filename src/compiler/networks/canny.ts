import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { convolution } from '../onnx/operators/convolution.js';
import { add, cast, compare, logical, multiply, unary, where } from '../onnx/operators/elementwise.js';
import { concatenate, crop, pad, split, transpose } from '../onnx/operators/shape.js';
import { linked } from './hysteresis.js';

/** Gradients above `high` are edges, those above `low` where they are linked to one of them. */
export interface CannyOptions {
  /** Default 100. */
  readonly low?: number;
  /** Default 200. */
  readonly high?: number;
}

/** How steep the picture is, and in which direction: whole numbers, float32 [1, 1, height, width]. */
interface Gradient {
  readonly x: Value;
  readonly y: Value;
  /** |x| + |y| */
  readonly magnitude: Value;
}

/** tan(22.5°) in units of 1/2^15, as OpenCV rounds it; tan(67.5°) is taken as this plus 2. */
const tangent22 = 13573;
const unit = 1 << 15;

/**
 * The edges that `cv2.Canny(frame, low, high)` draws, pixel for pixel: aperture 3, L1 norm, on the colour picture as the
 * authors call it, so that of the three channels the steepest counts. OpenCV's whole numbers are kept as floats that hold
 * them exactly.
 *
 * @param frame - uint8 [1, height, width, 3].
 * @returns Whether a pixel is on an edge: bool [1, 1, height, width].
 */
export function canny(graph: GraphBuilder, frame: Value, { low = 100, high = 200 }: CannyOptions = {}): Value {
  return graph.scope('canny', () => {
    const gradient = steepest(graph, sobel(graph, frame));
    const ridge = logical(graph, 'And', isRidge(graph, gradient), compare(graph, 'Greater', gradient.magnitude, low));
    const strong = logical(graph, 'And', ridge, compare(graph, 'Greater', gradient.magnitude, high));
    return linked(graph, ridge, strong);
  });
}

/** Edges white on black, [1, 3, height, width] from 0 to 1: what edge-to-image was trained on. */
export function cannyEdges(graph: GraphBuilder, frame: Value): Value {
  const edges = cast(graph, canny(graph, frame), graph.floatType);
  return concatenate(graph, [edges, edges, edges], 1);
}

/** The gradient of each channel, by 3x3 Sobel kernels; beyond the border the picture goes on as it ends. */
function sobel(graph: GraphBuilder, frame: Value): readonly Gradient[] {
  const picture = cast(graph, transpose(graph, frame, [0, 3, 1, 2]), 'float32');
  const across = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
  const down = [-1, -2, -1, 0, 0, 0, 1, 2, 1];
  const kernels = Array.from({ length: 3 }, () => [...across, ...down]).flat();
  const weight = graph.constant(kernels, 'float32', [6, 1, 3, 3]);
  const gradients = convolution(graph, pad(graph, picture, [1, 1, 1, 1], 'edge'), weight, undefined, { groups: 3 });
  const planes = split(graph, gradients, 1, 6);
  const steepness = split(graph, unary(graph, 'Abs', gradients), 1, 6);
  return [0, 2, 4].map((at) => ({
    x: planes[at] ?? picture,
    y: planes[at + 1] ?? picture,
    magnitude: add(graph, steepness[at] ?? picture, steepness[at + 1] ?? picture),
  }));
}

/** Of equally steep channels the first. */
function steepest(graph: GraphBuilder, [first, ...others]: readonly Gradient[]): Gradient {
  if (first === undefined) {
    throw graph.fault('there is no gradient');
  }
  return others.reduce((best, other) => {
    const steeper = compare(graph, 'Greater', other.magnitude, best.magnitude);
    return {
      x: where(graph, steeper, other.x, best.x),
      y: where(graph, steeper, other.y, best.y),
      magnitude: where(graph, steeper, other.magnitude, best.magnitude),
    };
  }, first);
}

/**
 * Whether a pixel is steeper than its two neighbours in the direction of the gradient. Between two equals on a row or
 * column the left or upper one is.
 */
function isRidge(graph: GraphBuilder, { x, y, magnitude }: Gradient): Value {
  const flatness = multiply(graph, unary(graph, 'Abs', x), tangent22);
  const height = unary(graph, 'Abs', y);
  const horizontal = compare(graph, 'Less', multiply(graph, height, unit), flatness);
  // y > tan(67.5°) · x, ordered so that no number needs more than the 24 bits of a float.
  const excess = add(graph, height, multiply(graph, unary(graph, 'Abs', x), -2));
  const vertical = compare(graph, 'Greater', multiply(graph, excess, unit), flatness);
  const rising = compare(graph, 'Less', multiply(graph, x, y), 0);

  const framed = pad(graph, magnitude, [1, 1, 1, 1]);
  const at = (row: number, column: number) => crop(graph, framed, [1 + row, 1 + column, 1 - row, 1 - column]);
  const choose = (straightX: Value, straightY: Value, up: Value, down: Value) =>
    where(graph, horizontal, straightX, where(graph, vertical, straightY, where(graph, rising, up, down)));
  const before = choose(at(0, -1), at(-1, 0), at(-1, 1), at(-1, -1));
  // A diagonal neighbour must be less, one on the row or column not more: all are whole numbers.
  const diagonal = (value: Value) => add(graph, value, 0.5);
  const after = choose(at(0, 1), at(1, 0), diagonal(at(1, -1)), diagonal(at(1, 1)));
  return logical(
    graph,
    'And',
    compare(graph, 'Greater', magnitude, before),
    compare(graph, 'GreaterOrEqual', magnitude, after),
  );
}

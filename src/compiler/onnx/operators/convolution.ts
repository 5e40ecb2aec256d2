import { add, type Dimension, floorDivide, multiply, shapeText } from '../dimension.js';
import { expectEqual, type GraphBuilder, type Value } from '../graph-builder.js';

/** How a kernel moves over a picture. */
export interface ConvolutionOptions {
  readonly stride?: number;
  /** Zeros added above, left, below and right; one number for all four. */
  readonly padding?: number | readonly [top: number, left: number, bottom: number, right: number];
  /** Channels are split into this many groups that don't see each other. */
  readonly groups?: number;
}

/**
 * Convolution of a picture [1, channels, height, width].
 *
 * @param weight - [out, in / groups, kernel height, kernel width].
 * @param bias - [out].
 */
export function convolution(
  graph: GraphBuilder,
  x: Value,
  weight: Value,
  bias?: Value,
  { stride = 1, padding = 0, groups = 1 }: ConvolutionOptions = {},
): Value {
  const [batch, channels, height, width, ...more] = x.shape;
  const [out, into, kernelHeight, kernelWidth] = weight.shape;
  if (batch === undefined || channels === undefined || height === undefined || width === undefined || more.length > 0) {
    throw graph.fault(`a convolution takes [batch, channels, height, width], not ${shapeText(x.shape)}`);
  }
  if (
    typeof out !== 'number' ||
    typeof into !== 'number' ||
    typeof kernelHeight !== 'number' ||
    typeof kernelWidth !== 'number'
  ) {
    throw graph.fault(`a convolution's weight is [out, in, height, width], not ${shapeText(weight.shape)}`);
  }
  expectEqual(graph, channels, into * groups, `the number of channels of ${shapeText(x.shape)}`);
  if (bias !== undefined) {
    expectEqual(graph, bias.shape[0] ?? 0, out, 'the length of the bias');
  }
  graph.expect(x.type === weight.type, () => `weights are ${weight.type}, the picture ${x.type}`);
  const [top, left, bottom, right] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
  const outHeight = extent(height, top + bottom, kernelHeight, stride);
  const outWidth = extent(width, left + right, kernelWidth, stride);
  const result = { type: x.type, shape: [batch, out, outHeight, outWidth] };
  return graph.single('Conv', [x, weight, bias], result, {
    attributes: {
      kernel_shape: [BigInt(kernelHeight), BigInt(kernelWidth)],
      strides: [BigInt(stride), BigInt(stride)],
      pads: [BigInt(top), BigInt(left), BigInt(bottom), BigInt(right)],
      group: BigInt(groups),
    },
    multiplications: multiply(batch, out, outHeight, outWidth, into * kernelHeight * kernelWidth),
  });
}

function extent(size: Dimension, padding: number, kernel: number, stride: number): Dimension {
  return add(floorDivide(add(size, padding - kernel), stride), 1);
}

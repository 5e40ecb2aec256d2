import type { Value } from '../../onnx/graph-builder.js';
import { doubleNearest, resizeNearest } from '../../onnx/operators/shape.js';
import type { Dimension } from '../../onnx/dimension.js';
import { doubledConvolution } from './doubled-convolution.js';
import { channelsOf, type Module } from './module.js';

/**
 * diffusers.models.downsampling.Downsample2D: half the size.
 *
 * @param padding - 1 on all sides in the UNet; 0 stands for one row below and one column at the right, in the autoencoder.
 */
export function downsample2D(module: Module, x: Value, padding: 0 | 1): Value {
  const channels = channelsOf(module.graph, x);
  return module.conv2d('conv', x, channels, { stride: 2, padding: padding === 1 ? 1 : [0, 0, 1, 1] });
}

/**
 * diffusers.models.upsampling.Upsample2D: nearest neighbours, then a convolution.
 *
 * @param size - Height and width to come to; twice the size where left out.
 */
export function upsample2D(module: Module, x: Value, size?: readonly [height: Dimension, width: Dimension]): Value {
  const { graph } = module;
  // A low-rank branch beside the convolution would need the doubled picture all the same.
  if (size === undefined && module.adapter === undefined) {
    return doubledConvolution(module, 'conv', x);
  }
  const larger = size === undefined ? doubleNearest(graph, x) : resizeNearest(graph, x, ...size);
  return module.conv2d('conv', larger, channelsOf(graph, x), { padding: 1 });
}

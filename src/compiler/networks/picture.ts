import { symbol } from '../onnx/dimension.js';
import type { FloatType } from '../onnx/element-type.js';
import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { add, cast, clip, multiply, unary } from '../onnx/operators/elementwise.js';
import { transpose } from '../onnx/operators/shape.js';

/** Width and height have to be multiples of this: the autoencoder halves them three times. */
export const sizeMultiple = 8;

/** The graph's frame: uint8 [1, height, width, 3], its size fixed when a session is made. */
export function frameInput(graph: GraphBuilder): Value {
  return graph.input('frame', 'uint8', [1, symbol('height', sizeMultiple), symbol('width', sizeMultiple), 3]);
}

/** The frame as [1, 3, height, width], from `low` (black) to `high` (white). */
export function toPicture(graph: GraphBuilder, frame: Value, low: -1 | 0, high: 1, type: FloatType): Value {
  const channelsFirst = transpose(graph, frame, [0, 3, 1, 2]);
  const picture = multiply(graph, cast(graph, channelsFirst, 'float32'), (high - low) / 255);
  return cast(graph, low === 0 ? picture : add(graph, picture, low), type);
}

/** A picture from -1 to 1, clamped, as the graph's output `translated`: uint8 [1, height, width, 3]. */
export function frameOutput(graph: GraphBuilder, picture: Value): Value {
  const clamped = clip(graph, cast(graph, picture, 'float32'), -1, 1);
  const levels = unary(graph, 'Round', multiply(graph, add(graph, clamped, 1), 127.5));
  return graph.output('translated', transpose(graph, cast(graph, levels, 'uint8'), [0, 2, 3, 1]));
}

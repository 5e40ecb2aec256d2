import { type Dimension, multiply as times, shapeText } from '../dimension.js';
import { expectEqual, type GraphBuilder, type Value } from '../graph-builder.js';
import { add, cast, multiply } from './elementwise.js';
import { reshape } from './shape.js';

/**
 * Group normalisation of a picture [1, channels, height, width], with a scale and a bias a channel.
 *
 * Written as an instance normalisation of the groups: onnxruntime's CPU has a kernel for it, while GroupNormalization is
 * taken apart there into a dozen nodes, each of which reads and writes the whole picture. In half precision the statistics
 * are reckoned in float32: a sum over a group of a large picture passes 65504.
 */
export function groupNormalisation(
  graph: GraphBuilder,
  x: Value,
  groups: number,
  weight: Value,
  bias: Value,
  epsilon: number,
): Value {
  const [batch, channels, height, width] = x.shape;
  if (batch === undefined || typeof channels !== 'number' || height === undefined || width === undefined) {
    throw graph.fault(`a group normalisation takes [batch, channels, height, width], not ${shapeText(x.shape)}`);
  }
  graph.expect(channels % groups === 0, () => `${channels} channels can't be split into ${groups} groups`);
  expectEqual(graph, elements(weight), channels, 'the number of scales');
  expectEqual(graph, elements(bias), channels, 'the number of biases');
  const grouped = reshape(graph, cast(graph, x, 'float32'), [batch, groups, times(channels / groups, height, width)]);
  const ones = graph.constant(Array<number>(groups).fill(1), 'float32');
  const zeros = graph.constant(Array<number>(groups).fill(0), 'float32');
  const normal = graph.single('InstanceNormalization', [grouped, ones, zeros], grouped, { attributes: { epsilon } });
  const picture = cast(graph, reshape(graph, normal, x.shape), x.type);
  const perChannel = [channels, 1, 1];
  return add(graph, multiply(graph, picture, reshape(graph, weight, perChannel)), reshape(graph, bias, perChannel));
}

/** Layer normalisation over the last axis. */
export function layerNormalisation(graph: GraphBuilder, x: Value, weight: Value, bias: Value, epsilon: number): Value {
  const length = x.shape.at(-1) ?? 0;
  expectEqual(graph, elements(weight), length, 'the number of scales');
  expectEqual(graph, elements(bias), length, 'the number of biases');
  return graph.single('LayerNormalization', [x, weight, bias], x, { attributes: { axis: -1n, epsilon } });
}

function elements(value: Value): Dimension {
  return times(...value.shape);
}

import type { Dimension } from '../onnx/dimension.js';
import type { GraphBuilder, Value } from '../onnx/graph-builder.js';
import { add, cast, multiply } from '../onnx/operators/elementwise.js';
import { reshape } from '../onnx/operators/shape.js';
import { torchRandn } from './torch-random.js';

/** Side of the square of noise that is kept, in latent pixels: 1024 pixels of the picture. */
export const noiseSide = 128;

/** How many different shifts of the noise there are. */
export const noiseShifts = noiseSide * noiseSide;

/**
 * Standard normal numbers of any size, the same in every run: the square `torch.randn(1, channels, 128, 128)` after
 * `torch.manual_seed(seed)`, cut to size, and repeated where the picture is larger.
 *
 * @param like - [1, channels, height, width]: its shape is taken.
 * @param shift - float32 [1], a whole number from 0 to {@link noiseShifts} - 1 given at run time: moves the square, round its
 *   edges, by another number of rows and columns each, so that other noise comes without another seed.
 * @returns float32.
 */
export function noiseMap(graph: GraphBuilder, seed: number, like: Value, shift?: Value): Value {
  return graph.scope('noise', () => {
    const [, channels, height = NaN, width = NaN] = like.shape;
    if (typeof channels !== 'number') {
      throw graph.fault('the number of channels has to be known');
    }
    const count = channels * noiseSide * noiseSide;
    const read = () => Promise.resolve(torchRandn(seed, count));
    const square = graph.initializer('square', [1, channels, noiseSide, noiseSide], read, 'float32');
    // Both steps are odd, and the second has the shift's upper half: every shift is another pair.
    const [rows, columns] = shift === undefined ? [undefined, undefined] : shifts(graph, shift);
    const cut = gather(graph, square, 2, positions(graph, height, rows));
    return gather(graph, cut, 3, positions(graph, width, columns));
  });
}

function shifts(graph: GraphBuilder, shift: Value): readonly [Value, Value] {
  const whole = cast(graph, shift, 'int64');
  const upper = graph.single('Div', [whole, graph.constant([noiseSide], 'int64')], whole);
  return [multiply(graph, whole, 53), add(graph, multiply(graph, whole, 29), upper)];
}

/** 0, 1, 2, … plus an offset, round the square's edge. */
function positions(graph: GraphBuilder, count: Dimension, offset: Value | undefined): Value {
  const end = reshape(graph, graph.shapeTensor([count]), []);
  const range = { type: 'int64', shape: [count] } as const;
  const steps = graph.single('Range', [graph.scalar(0, 'int64'), end, graph.scalar(1, 'int64')], range);
  const moved = offset === undefined ? steps : add(graph, steps, offset);
  return graph.single('Mod', [moved, graph.constant([noiseSide], 'int64')], range);
}

function gather(graph: GraphBuilder, x: Value, axis: number, indices: Value): Value {
  const shape = x.shape.map((dimension, i) => (i === axis ? (indices.shape[0] ?? NaN) : dimension));
  return graph.single('Gather', [x, indices], { type: x.type, shape }, { attributes: { axis: BigInt(axis) } });
}

import { ModelError } from '../../errors/errors.js';

/** Number format of a stored tensor, by the names that safetensors gives them. */
export type TensorDataType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** A tensor as its file describes it, its numbers unread. */
export interface TensorDescription {
  readonly name: string;
  /** Its dimensions, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** The format it is stored in; {@link TensorSource.read} always gives float32. */
  readonly dataType: TensorDataType;
}

/** Named tensors that are read one at a time, by offset from their file. */
export interface TensorSource extends AsyncDisposable {
  /** What errors call it, such as the path of the file. */
  readonly description: string;
  /** The name of every tensor, each once. */
  names(): Iterable<string>;
  /** Undefined where there is no such tensor. */
  describe(name: string): TensorDescription | undefined;
  /**
   * The tensor's numbers, row-major and contiguous, as float32. The array is the caller's own: it may be changed.
   *
   * @throws ModelError, when there is no such tensor, or its file ends before it does.
   */
  read(name: string): Promise<Float32Array>;
  /** Closes the files that this object opened. A view on another source opened none, and closes none. Idempotent. */
  close(): Promise<void>;
}

/** The number of elements of a shape: 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A shape as errors write it. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/**
 * The description of a tensor that has to be there.
 *
 * @param shape - What it has to be; left out, any shape will do.
 * @throws ModelError, naming the tensor, the shape expected, the shape found and the file.
 */
export function requireTensor(source: TensorSource, name: string, shape?: readonly number[]): TensorDescription {
  const found = source.describe(name);
  if (found === undefined) {
    const expected = shape === undefined ? '' : ` of shape ${formatShape(shape)}`;
    throw new ModelError('model-invalid', `${source.description} lacks the tensor "${name}"${expected}.`, {
      remedy: 'Give the checkpoint and the base model that belong together, whole.',
    });
  }
  if (shape !== undefined && (shape.length !== found.shape.length || shape.some((d, i) => d !== found.shape[i]))) {
    throw new ModelError(
      'model-invalid',
      `Tensor "${name}" of ${source.description} has shape ${formatShape(found.shape)}; expected ${formatShape(shape)}.`,
      { remedy: 'Give the checkpoint and the base model that belong together.' },
    );
  }
  return found;
}

/** Reads a tensor that has to be there, of this shape. Errors as {@link requireTensor}. */
export async function readTensor(source: TensorSource, name: string, shape?: readonly number[]): Promise<Float32Array> {
  requireTensor(source, name, shape);
  return source.read(name);
}

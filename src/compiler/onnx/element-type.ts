/** Element types of tensors that this compiler uses: their numbers in ONNX's TensorProto.DataType and their sizes. */
export const elementTypes = {
  float32: { number: 1, bytes: 4 },
  uint8: { number: 2, bytes: 1 },
  int32: { number: 6, bytes: 4 },
  int64: { number: 7, bytes: 8 },
  bool: { number: 9, bytes: 1 },
  float16: { number: 10, bytes: 2 },
} as const;

/** Name of an element type. */
export type ElementType = keyof typeof elementTypes;

/** The element types in which networks reckon. */
export type FloatType = 'float32' | 'float16';

import { type Dimension, equal, type Shape, shapeText } from '../dimension.js';
import type { ElementType } from '../element-type.js';
import type { GraphBuilder, Value } from '../graph-builder.js';

/** A value, or a number to be made a constant of the other operand's type. */
export type Operand = Value | number;

export function add(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Add', a, b);
}

export function subtract(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Sub', a, b);
}

export function multiply(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Mul', a, b);
}

export function divide(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Div', a, b);
}

export function minimum(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Min', a, b);
}

export function maximum(graph: GraphBuilder, a: Value, b: Operand): Value {
  return binary(graph, 'Max', a, b);
}

/** Whether `a < b`, `a > b`, …: a value of type bool. */
export function compare(
  graph: GraphBuilder,
  operator: 'Less' | 'LessOrEqual' | 'Greater' | 'GreaterOrEqual' | 'Equal',
  a: Value,
  b: Operand,
): Value {
  return binary(graph, operator, a, b, 'bool');
}

export function logical(graph: GraphBuilder, operator: 'And' | 'Or', a: Value, b: Value): Value {
  graph.expect(a.type === 'bool' && b.type === 'bool', () => `${operator} takes bool, not ${a.type} and ${b.type}`);
  return binary(graph, operator, a, b);
}

/** `condition ? a : b`, element by element. */
export function where(graph: GraphBuilder, condition: Value, a: Value, b: Value): Value {
  graph.expect(condition.type === 'bool', () => `Where takes a bool condition, not ${condition.type}`);
  graph.expect(a.type === b.type, () => `Where takes two values of one type, not ${a.type} and ${b.type}`);
  const shape = broadcast(graph, broadcast(graph, condition.shape, a.shape), b.shape);
  return graph.single('Where', [condition, a, b], { type: a.type, shape });
}

/** A function of each element: `Sqrt`, `Exp`, `Abs`, …; the result has the operand's type and shape. */
export function unary(
  graph: GraphBuilder,
  operator: 'Sqrt' | 'Exp' | 'Abs' | 'Neg' | 'Sigmoid' | 'Round' | 'Floor' | 'Sin' | 'Cos' | 'Log' | 'Tanh' | 'Not',
  x: Value,
): Value {
  return graph.single(operator, [x], x);
}

/** x · sigmoid(x); onnxruntime makes one kernel of the two nodes. */
export function silu(graph: GraphBuilder, x: Value): Value {
  return multiply(graph, x, unary(graph, 'Sigmoid', x));
}

/** GELU in its exact form, by the error function. */
export function gelu(graph: GraphBuilder, x: Value): Value {
  return graph.single('Gelu', [x], x, { attributes: { approximate: 'none' } });
}

export function clip(graph: GraphBuilder, x: Value, low: number, high: number): Value {
  return graph.single('Clip', [x, graph.scalar(low, x.type), graph.scalar(high, x.type)], x);
}

/** The same numbers in another type; nothing where it is of that type already. */
export function cast(graph: GraphBuilder, x: Value, type: ElementType): Value {
  if (x.type === type) {
    return x;
  }
  const to = { float32: 1n, uint8: 2n, int32: 6n, int64: 7n, bool: 9n, float16: 10n }[type];
  return graph.single('Cast', [x], { type, shape: x.shape }, { attributes: { to } });
}

/** Shape of an operation between two tensors, by numpy's rules. */
export function broadcast(graph: GraphBuilder, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis): Dimension => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    graph.expect(
      equal(left, right) || left === 1 || right === 1,
      () => `shapes ${shapeText(a)} and ${shapeText(b)} don't go together`,
    );
    return left === 1 ? right : left;
  });
}

function binary(graph: GraphBuilder, operator: string, a: Value, b: Operand, type: ElementType = a.type): Value {
  const right = typeof b === 'number' ? graph.scalar(b, a.type) : b;
  graph.expect(
    a.type === right.type,
    () => `${operator} takes two values of one type, not ${a.type} and ${right.type}`,
  );
  return graph.single(operator, [a, right], { type, shape: broadcast(graph, a.shape, right.shape) });
}

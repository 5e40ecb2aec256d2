import { allowedGlobal } from './allowed-globals.js';
import { ByteCursor } from './byte-cursor.js';
import { PickleStack, type PickleValue } from './pickle-stack.js';
import { rebuild } from './rebuild.js';
import type { OpenStorage } from './storage.js';
import type { CheckpointValue } from './value.js';

/** Most instructions that are followed. A checkpoint of SD-Turbo's size takes about 0.2 million. */
const maxInstructions = 2_000_000;

/**
 * Reads a pickle: builds what it describes out of numbers, texts, lists, dictionaries and tensors, and follows no other
 * instruction. Nothing in it is run; a name that is not on the allow-list is an error.
 *
 * Instructions are those of https://github.com/python/cpython/blob/main/Lib/pickletools.py that data needs: all of
 * protocol 2, which `torch.save` writes, and of 4 and 5 what other protocols would write for the same data.
 *
 * @param bytes - The pickle.
 * @param openStorage - Gives the storage that a tensor lies in.
 * @param description - What it is called, for messages.
 */
export function readPickle(bytes: Buffer, openStorage: OpenStorage, description: string): CheckpointValue {
  const cursor = new ByteCursor(bytes, description);
  const stack = new PickleStack(cursor);
  for (let count = 0; count < maxInstructions; count++) {
    const code = cursor.unsigned(1);
    if (code === stop) {
      return stack.popValue();
    }
    const instruction = instructions.get(code);
    if (instruction === undefined) {
      throw cursor.fault(`it uses the instruction 0x${code.toString(16).padStart(2, '0')}, which no state dict needs`);
    }
    instruction(stack, cursor, openStorage);
  }
  throw cursor.fault(`it has more than ${maxInstructions} instructions`);
}

type Instruction = (stack: PickleStack, cursor: ByteCursor, openStorage: OpenStorage) => void;

const stop = 0x2e;

/** By the byte that stands for it; the words are pickle's own. */
const instructions: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  // PROTO, FRAME: how the pickle was written, which matters to nobody here.
  [0x80, (_, cursor) => checkProtocol(cursor)],
  [0x95, (_, cursor) => void cursor.longLength()],
  // MARK, POP, POP_MARK, DUP
  [0x28, (stack) => stack.mark()],
  [0x30, (stack) => stack.discard()],
  [0x31, (stack) => void stack.popToMark()],
  [0x32, (stack) => stack.duplicate()],
  // NONE, NEWTRUE, NEWFALSE
  [0x4e, (stack) => stack.push(null)],
  [0x88, (stack) => stack.push(true)],
  [0x89, (stack) => stack.push(false)],
  // BININT, BININT1, BININT2, LONG1, BINFLOAT
  [0x4a, (stack, cursor) => stack.push(cursor.int32())],
  [0x4b, (stack, cursor) => stack.push(cursor.unsigned(1))],
  [0x4d, (stack, cursor) => stack.push(cursor.unsigned(2))],
  [0x8a, (stack, cursor) => stack.push(longInteger(cursor))],
  [0x47, (stack, cursor) => stack.push(cursor.float64())],
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
  [0x58, (stack, cursor) => stack.push(cursor.text(cursor.unsigned(4)))],
  [0x8c, (stack, cursor) => stack.push(cursor.text(cursor.unsigned(1)))],
  [0x8d, (stack, cursor) => stack.push(cursor.text(cursor.longLength()))],
  // BINBYTES, SHORT_BINBYTES, BINBYTES8
  [0x42, (stack, cursor) => stack.push(cursor.take(cursor.unsigned(4)))],
  [0x43, (stack, cursor) => stack.push(cursor.take(cursor.unsigned(1)))],
  [0x8e, (stack, cursor) => stack.push(cursor.take(cursor.longLength()))],
  // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
  [0x29, (stack) => stack.pushTuple([])],
  [0x85, (stack) => stack.pushTuple(stack.popMany(1))],
  [0x86, (stack) => stack.pushTuple(stack.popMany(2))],
  [0x87, (stack) => stack.pushTuple(stack.popMany(3))],
  [0x74, (stack) => stack.pushTuple(stack.popToMark())],
  // EMPTY_LIST, APPEND, APPENDS
  [0x5d, (stack) => stack.pushContainer([])],
  [0x61, (stack) => stack.append(stack.popMany(1))],
  [0x65, (stack) => stack.append(stack.popToMark())],
  // EMPTY_SET, ADDITEMS, FROZENSET
  [0x8f, (stack) => stack.pushContainer([])],
  [0x90, (stack) => stack.append(stack.popToMark())],
  [0x91, (stack) => stack.pushTuple(stack.popToMark())],
  // EMPTY_DICT, SETITEM, SETITEMS
  [0x7d, (stack) => stack.pushContainer(new Map())],
  [0x73, (stack) => stack.setItems(stack.popMany(2))],
  [0x75, (stack) => stack.setItems(stack.popToMark())],
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
  [0x71, (stack, cursor) => stack.memoize(cursor.unsigned(1))],
  [0x72, (stack, cursor) => stack.memoize(cursor.unsigned(4))],
  [0x94, (stack) => stack.memoize()],
  [0x68, (stack, cursor) => stack.recall(cursor.unsigned(1))],
  [0x6a, (stack, cursor) => stack.recall(cursor.unsigned(4))],
  // GLOBAL, STACK_GLOBAL
  [0x63, (stack, cursor) => pushGlobal(stack, cursor, cursor.line(), cursor.line())],
  [
    0x93,
    (stack, cursor) => {
      const [module, name] = stack.popMany(2);
      pushGlobal(stack, cursor, typeof module === 'string' ? module : '', typeof name === 'string' ? name : '');
    },
  ],
  // REDUCE, BUILD, BINPERSID
  [
    0x52,
    (stack, cursor) => {
      const [callee, parts] = stack.popMany(2);
      const built = rebuild(callee, parts, cursor);
      if (Array.isArray(built)) {
        stack.pushTuple(built as readonly PickleValue[]);
      } else {
        stack.pushContainer(built);
      }
    },
  ],
  [0x62, (stack) => stack.setAttributes()],
  [0x51, (stack, cursor, openStorage) => stack.push(openStorage(stack.popMany(1)[0], cursor))],
]);

function checkProtocol(cursor: ByteCursor): void {
  const protocol = cursor.unsigned(1);
  if (protocol < 2 || protocol > 5) {
    throw cursor.fault(`it has protocol ${protocol}`);
  }
}

function longInteger(cursor: ByteCursor): number | bigint {
  const bytes = cursor.take(cursor.unsigned(1));
  if (bytes.length > 8) {
    throw cursor.fault(`it holds an integer of ${bytes.length} bytes`);
  }
  let value = 0n;
  bytes.forEach((byte, i) => (value |= BigInt(byte) << BigInt(8 * i)));
  const signed = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

function pushGlobal(stack: PickleStack, cursor: ByteCursor, module: string, name: string): void {
  const global = allowedGlobal(module, name);
  if (global === undefined) {
    const shown = JSON.stringify(`${module}.${name}`.slice(0, 200));
    throw cursor.fault(`it asks for ${shown}, which is not needed to hold tensors; it was not run`);
  }
  stack.push(global.role === 'constant' ? global.value : global);
}

import { crc32 } from 'node:zlib';

/** What a member of a zip is stated to be, where that isn't so. */
export interface ZipLie {
  readonly name: string;
  readonly data: Buffer;
  /** 0 for stored, 8 for deflated. */
  readonly method?: number;
  /** The length it is stated to have when it is unpacked. */
  readonly statedSize?: number;
  /** Where it is stated to begin. */
  readonly statedOffset?: number;
}

/** A zip as torch.save writes it, or as it never would. */
export function zipOf(members: readonly ZipLie[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method = 0, statedSize = data.length, statedOffset = offset } of members) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(statedSize, 18);
    fields.writeUInt16LE(name.length, 22);
    const own = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(statedOffset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fields, tail, Buffer.from(name)]));
    local.push(own);
    offset += own.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}

/** A checkpoint of this pickle and these storages. */
export function checkpointOf(pickle: Buffer, storages: Readonly<Record<string, Buffer>> = {}): Buffer {
  return zipOf([
    { name: 'model/data.pkl', data: pickle },
    ...Object.entries(storages).map(([key, data]) => ({ name: `model/data/${key}`, data })),
    { name: 'model/version', data: Buffer.from('3\n') },
  ]);
}

const ascii = (text: string) => Buffer.from(text, 'latin1');

/** The instructions of a pickle, written out. */
export const pickled = {
  start: ascii('\x80\x02'),
  end: ascii('.'),
  mark: ascii('('),
  reduce: ascii('R'),
  build: ascii('b'),
  emptyTuple: ascii(')'),
  tuple: ascii('t'),
  tuple1: ascii('\x85'),
  emptyDictionary: ascii('}'),
  setItems: ascii('u'),
  persistentId: ascii('Q'),
  global: (module: string, name: string) => ascii(`c${module}\n${name}\n`),
  text: (value: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(value));
    return Buffer.concat([ascii('X'), length, Buffer.from(value)]);
  },
  integer: (value: number) => {
    if (Math.abs(value) >= 2 ** 31) {
      const long = Buffer.alloc(8);
      long.writeBigInt64LE(BigInt(value));
      return Buffer.concat([ascii('\x8a\x08'), long]);
    }
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return Buffer.concat([ascii('J'), bytes]);
  },
  tupleOf: (...items: Buffer[]) => Buffer.concat([ascii('('), ...items, ascii('t')]),
};

/** The pickle of `{'weight': tensor}`, the tensor as told. */
export function tensorPickle({
  elements = 6,
  offset = 0,
  shape = [2, 3],
  strides = [3, 1],
  storageType = 'FloatStorage',
  key = '0',
}: {
  elements?: number;
  offset?: number;
  shape?: readonly number[];
  strides?: readonly number[];
  storageType?: string;
  key?: string;
} = {}): Buffer {
  const { tupleOf, integer, text, global } = pickled;
  const storage = tupleOf(text('storage'), global('torch', storageType), text(key), text('cpu'), integer(elements));
  return Buffer.concat([
    pickled.start,
    pickled.emptyDictionary,
    pickled.mark,
    text('weight'),
    global('torch._utils', '_rebuild_tensor_v2'),
    pickled.mark,
    storage,
    pickled.persistentId,
    integer(offset),
    tupleOf(...shape.map(integer)),
    tupleOf(...strides.map(integer)),
    ascii('\x89'),
    global('collections', 'OrderedDict'),
    pickled.emptyTuple,
    pickled.reduce,
    pickled.tuple,
    pickled.reduce,
    pickled.setItems,
    pickled.end,
  ]);
}

/** A pickle that has Python run `os.system` of a command, or the like, when it is loaded the usual way. */
export function callPickle(module: string, name: string, argument: string): Buffer {
  const { start, global, text, tuple1, reduce, end } = pickled;
  return Buffer.concat([start, global(module, name), text(argument), tuple1, reduce, end]);
}

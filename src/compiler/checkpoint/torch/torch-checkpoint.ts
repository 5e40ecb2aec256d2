import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { bytesPerElement, readNumbers } from '../number-format.js';
import { TensorFile } from '../tensor-file.js';
import type { ByteCursor } from './byte-cursor.js';
import { isGlobal, type PickleValue } from './pickle-stack.js';
import { readPickle } from './pickle.js';
import type { Storage } from './storage.js';
import { listStoredZip, type ZipMember } from './stored-zip.js';
import type { CheckpointValue } from './value.js';

/** Longest pickle that is read; the numbers of tensors stand outside of it. SD-Turbo's takes about 0.5 MiB. */
const maxPickleBytes = 32 * 2 ** 20;

const saveAgain =
  'Load it with PyTorch where you trust it, and save it again: torch.save(torch.load(path, map_location="cpu"), path).';

/** A file of `torch.save`, open: its tensors are read when they are asked for. */
export interface TorchCheckpoint extends AsyncDisposable {
  readonly path: string;
  /** What was saved. */
  readonly value: CheckpointValue;
  /** Closes the file; its tensors can't be read any more. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a file that `torch.save` wrote (since PyTorch 1.6: a zip). Reads what it is made of and runs nothing: what isn't a
 * tensor, number, text, list or dictionary is an error.
 *
 * @throws ModelError, when there is no such file, or it isn't such a file, whole and sound.
 */
export async function openTorchCheckpoint(path: string): Promise<TorchCheckpoint> {
  const file = await TensorFile.open(path);
  try {
    await refuseOtherFormats(file);
    return {
      path,
      value: await readValue(file),
      close: () => file.close(),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** The number that the format before PyTorch 1.6 begins with, as a pickle. */
const legacyStart = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

async function refuseOtherFormats(file: TensorFile): Promise<void> {
  const start = await file.readBytes(0, Math.min(file.size, legacyStart.length));
  if (start.equals(legacyStart)) {
    throw invalidCheckpoint(`${file.path} is in the format that PyTorch wrote before version 1.6.`, saveAgain);
  }
  if (start.subarray(0, 2).toString('latin1') !== 'PK') {
    throw invalidCheckpoint(`${file.path} is not a file of torch.save: it is no zip.`);
  }
}

async function readValue(file: TensorFile): Promise<CheckpointValue> {
  const members = await listStoredZip(file);
  const { pickle, folder } = findPickle(members, file.path);
  if (pickle.size > maxPickleBytes) {
    throw invalidCheckpoint(`${file.path} has a pickle of ${pickle.size} bytes; at most ${maxPickleBytes} are read.`);
  }
  await refuseBigEndian(file, members.get(`${folder}byteorder`));
  const bytes = await file.readBytes(await pickle.locate(), pickle.size);
  const storages = new Map<string, Storage>();
  return readPickle(
    bytes,
    (identifier, cursor) => openStorage(file, members, folder, storages, identifier, cursor),
    file.path,
  );
}

function findPickle(members: ReadonlyMap<string, ZipMember>, path: string): { pickle: ZipMember; folder: string } {
  const pickles = [...members.values()].filter(({ name }) => /^[^/]*\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw invalidCheckpoint(
      `${path} is a zip, but not one of torch.save: it has ${pickles.length} members */data.pkl.`,
    );
  }
  return { pickle, folder: pickle.name.slice(0, -'data.pkl'.length) };
}

async function refuseBigEndian(file: TensorFile, byteOrder: ZipMember | undefined): Promise<void> {
  if (byteOrder === undefined) {
    return;
  }
  const order = (await file.readBytes(await byteOrder.locate(), Math.min(byteOrder.size, 16))).toString('latin1');
  if (order !== 'little') {
    throw invalidCheckpoint(`${file.path} has its numbers in byte order ${JSON.stringify(order)}.`, saveAgain);
  }
}

/** The persistent identifier is `('storage', type, key, location, element count)`. */
function openStorage(
  file: TensorFile,
  members: ReadonlyMap<string, ZipMember>,
  folder: string,
  storages: Map<string, Storage>,
  identifier: PickleValue | undefined,
  cursor: ByteCursor,
): Storage {
  const [word, type, key, , elementCount] = Array.isArray(identifier) ? (identifier as readonly PickleValue[]) : [];
  if (
    word !== 'storage' ||
    !isGlobal(type) ||
    type.role !== 'storage-type' ||
    typeof key !== 'string' ||
    typeof elementCount !== 'number'
  ) {
    throw cursor.fault('it names a storage wrongly');
  }
  const { dataType } = type;
  const member = members.get(`${folder}data/${key}`);
  const bytes = elementCount * bytesPerElement[dataType];
  if (member?.size !== bytes) {
    const found = member === undefined ? 'is not there' : `has ${member.size}`;
    throw cursor.fault(`storage "${key.slice(0, 100)}" should have ${bytes} bytes and ${found}`);
  }
  let storage = storages.get(key);
  if (storage === undefined) {
    storage = storageIn(file, member, dataType, elementCount);
    storages.set(key, storage);
  }
  if (storage.dataType !== dataType) {
    throw cursor.fault(`storage "${key}" has two number formats, ${storage.dataType} and ${dataType}`);
  }
  return storage;
}

function storageIn(file: TensorFile, member: ZipMember, dataType: Storage['dataType'], elementCount: number): Storage {
  return {
    kind: 'storage',
    dataType,
    elementCount,
    read: async (first, count) =>
      readNumbers(file, (await member.locate()) + first * bytesPerElement[dataType], count, dataType),
  };
}

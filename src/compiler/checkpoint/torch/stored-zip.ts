import * as yauzl from 'yauzl';

import { invalidCheckpoint } from '../invalid-checkpoint.js';
import type { TensorFile } from '../tensor-file.js';

const maxEntries = 100_000;

/** Length of a local file header, its name and extra field left out. */
const localHeaderBytes = 30;

/** A file inside a zip, uncompressed. */
export interface ZipMember {
  readonly name: string;
  readonly size: number;
  /** Where its bytes stand in the zip. */
  locate(): Promise<number>;
}

/**
 * Lists what is in a zip whose members are all stored as they are, so that they can be read by offset. PyTorch writes no
 * others, and what isn't compressed can't swell.
 *
 * @throws ModelError, when it isn't such a zip, or its members are repeated or lie in one another.
 */
export async function listStoredZip(file: TensorFile): Promise<Map<string, ZipMember>> {
  try {
    return await readMembers(file);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw invalidCheckpoint(`${file.path} is not a sound zip of PyTorch's: ${what}`, undefined, cause);
  }
}

async function readMembers(file: TensorFile): Promise<Map<string, ZipMember>> {
  // The descriptor stays the file's own: the archive is never closed, and holds nothing else.
  const archive = await yauzl.fromFdPromise(file.descriptor, { autoClose: false, validateEntrySizes: true });
  if (archive.entryCount > maxEntries) {
    throw new Error(`it lists ${archive.entryCount} members, more than ${maxEntries}`);
  }
  const entries: yauzl.Entry[] = [];
  for await (const entry of archive.eachEntry()) {
    entries.push(entry);
  }
  // TorchScript's members are compressed; it is told for what it is before that is told.
  if (entries.some(({ fileName }) => /^[^/]*\/constants\.pkl$/.test(fileName))) {
    throw new Error('it is a TorchScript program, not a checkpoint');
  }
  entries.forEach(checkEntry);
  entries.sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  const members = new Map<string, ZipMember>();
  for (const [i, entry] of entries.entries()) {
    const end = entries[i + 1]?.relativeOffsetOfLocalHeader ?? file.size;
    const least = entry.relativeOffsetOfLocalHeader + localHeaderBytes + entry.compressedSize;
    if (least > end) {
      throw new Error(`its member "${entry.fileName}" lies in another one`);
    }
    if (members.has(entry.fileName)) {
      throw new Error(`it has two members "${entry.fileName}"`);
    }
    members.set(entry.fileName, {
      name: entry.fileName,
      size: entry.uncompressedSize,
      locate: () => locate(archive, entry, end, file.path),
    });
  }
  return members;
}

function checkEntry(entry: yauzl.Entry): void {
  const { fileName, compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) {
    throw new Error(`its member "${fileName}" is encrypted`);
  }
  if (compressionMethod !== 0 || compressedSize !== uncompressedSize) {
    throw new Error(`its member "${fileName}" is compressed, which torch.save never does`);
  }
}

async function locate(archive: yauzl.ZipFile, entry: yauzl.Entry, end: number, path: string): Promise<number> {
  let fileDataStart: number;
  try {
    ({ fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true }));
  } catch (cause) {
    throw invalidCheckpoint(`${path} is damaged: ${(cause as Error).message}`, undefined, cause);
  }
  if (fileDataStart + entry.compressedSize > end) {
    throw invalidCheckpoint(`${path} is damaged: its member "${entry.fileName}" lies in another one.`);
  }
  return fileDataStart;
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { DownloadError } from '../../errors/errors.js';
import { fetchFile, type FetchRequest } from '../download/fetch-file.js';
import { partialLength, removePartialFile } from '../download/partial-file.js';
import type { CacheFolder } from './cache-folder.js';
import { withLock, type LockOptions } from './lock.js';

/** A file that the catalogue names. */
export interface CataloguedFile {
  /** The catalogue's address: the file's name in this cache, whatever mirror it comes from. */
  readonly url: string;
  /** What it is called in messages. */
  readonly name: string;
  /** Its length, where the catalogue says it. */
  readonly bytes?: number | undefined;
  /** Its checksum, where the catalogue says it. */
  readonly sha256?: string | undefined;
}

const recordSchema = z.object({
  url: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  checkedBy: z.enum(['checksum', 'length']),
  fetchedAt: z.string(),
});

/** What came from an address the first time: from then on it is what has to come. */
export type BlobRecord = z.output<typeof recordSchema>;

/** How to fetch a file that isn't there: all of a {@link FetchRequest} that the store doesn't know itself. */
export type FetchOptions = Pick<FetchRequest, 'remote' | 'url' | 'onProgress' | 'onNotice'> & LockOptions;

/** Fetched files, stored under the SHA-256 of what is in them. */
export class BlobStore {
  readonly #cache: CacheFolder;

  constructor(cache: CacheFolder) {
    this.#cache = cache;
  }

  /** What came from a file's address before; undefined where nothing did. */
  async record({ url }: CataloguedFile): Promise<BlobRecord | undefined> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(this.#recordPath(url), 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Bytes of a file that are here: all, a part, or none. */
  async bytesHere(file: CataloguedFile): Promise<number> {
    const { bytes, sha256 } = { ...(await this.record(file)), ...definedOf(file) };
    const blob = sha256 === undefined ? undefined : await stat(this.#blobPath(sha256)).catch(() => undefined);
    if (blob === undefined || (bytes !== undefined && blob.size !== bytes)) {
      return partialLength(this.#partialPath(file.url));
    }
    return blob.size;
  }

  /**
   * Puts a file into place, fetched unless it is here. It is a link to the stored one where the file system has links, so
   * that whoever uses it keeps it even when it is removed from the store.
   *
   * @throws DownloadError when it can't be had, or isn't what it was before.
   */
  async obtain(file: CataloguedFile, into: string, options: FetchOptions): Promise<BlobRecord> {
    return withLock(this.#cache, `file-${keyOf(file.url)}`, options, async (signal) => {
      const known = await this.record(file);
      const sha256 = file.sha256 ?? known?.sha256;
      const record =
        (sha256 === undefined ? undefined : await this.#stored(file, sha256, known)) ??
        (await this.#fetch(file, known, { ...options, signal }));
      await place(this.#blobPath(record.sha256), into);
      return record;
    });
  }

  /**
   * Puts a file into place if it is stored and still what it was; nothing is fetched.
   *
   * @returns Whether it was.
   */
  async place(file: CataloguedFile, into: string, options: LockOptions = {}): Promise<boolean> {
    return withLock(this.#cache, `file-${keyOf(file.url)}`, options, async () => {
      const known = await this.record(file);
      const sha256 = file.sha256 ?? known?.sha256;
      const record = sha256 === undefined ? undefined : await this.#stored(file, sha256, known);
      if (record !== undefined) {
        await place(this.#blobPath(record.sha256), into);
      }
      return record !== undefined;
    });
  }

  /**
   * Removes what is stored of a file, finished or not; the record of what it was stays.
   *
   * @returns Bytes that were freed.
   */
  async discard(file: CataloguedFile, options: LockOptions = {}): Promise<number> {
    return withLock(this.#cache, `file-${keyOf(file.url)}`, options, async () => {
      const bytes = await this.bytesHere(file);
      const sha256 = file.sha256 ?? (await this.record(file))?.sha256;
      await removePartialFile(this.#partialPath(file.url));
      if (sha256 !== undefined) {
        await rm(this.#blobPath(sha256), { force: true });
      }
      return bytes;
    });
  }

  async #stored(file: CataloguedFile, sha256: string, known: BlobRecord | undefined): Promise<BlobRecord | undefined> {
    const blob = this.#blobPath(sha256);
    const found = await stat(blob).catch(() => undefined);
    if (found === undefined) {
      return undefined;
    }
    if ((await sha256OfFile(blob)) !== sha256) {
      // The disk, or somebody, changed it.
      await rm(blob, { force: true });
      return undefined;
    }
    return known ?? this.#writeRecord(file, { bytes: found.size, sha256, checkedBy: 'checksum' });
  }

  async #fetch(file: CataloguedFile, known: BlobRecord | undefined, options: FetchOptions): Promise<BlobRecord> {
    const partial = this.#partialPath(file.url);
    const expected = { bytes: file.bytes ?? known?.bytes, sha256: file.sha256 ?? known?.sha256 };
    const fetched = await fetchFile({ ...options, name: file.name, path: partial, expected }).catch(
      (error: unknown) => {
        throw file.sha256 === undefined && known !== undefined ? this.#explainChange(error, file, known) : error;
      },
    );
    await rename(partial, this.#blobPath(fetched.sha256));
    await removePartialFile(partial);
    return known ?? this.#writeRecord(file, fetched);
  }

  /** A file whose checksum nobody publishes may be another one today; that is for the user to decide. */
  #explainChange(error: unknown, file: CataloguedFile, known: BlobRecord): unknown {
    if (!(error instanceof DownloadError && error.code === 'checksum-mismatch')) {
      return error;
    }
    const when = known.fetchedAt.slice(0, 10);
    return new DownloadError('checksum-mismatch', `${error.message} That is what it was on ${when}.`, {
      remedy: `If it was replaced on purpose, remove ${this.#recordPath(file.url)} and do it again.`,
      cause: error,
    });
  }

  async #writeRecord(
    { url }: CataloguedFile,
    { bytes, sha256, checkedBy }: Pick<BlobRecord, 'bytes' | 'sha256' | 'checkedBy'>,
  ): Promise<BlobRecord> {
    const record: BlobRecord = { url, bytes, sha256, checkedBy, fetchedAt: new Date().toISOString() };
    const target = this.#recordPath(url);
    await writeFile(`${target}.partial`, `${JSON.stringify(record, undefined, 2)}\n`);
    await rename(`${target}.partial`, target);
    return record;
  }

  #blobPath(sha256: string): string {
    return path.join(this.#cache.blobs, sha256);
  }

  #partialPath(url: string): string {
    return path.join(this.#cache.downloads, `${keyOf(url)}.partial`);
  }

  #recordPath(url: string): string {
    return path.join(this.#cache.records, `${keyOf(url)}.json`);
  }
}

/** SHA-256 of a file's content, lower-case hexadecimal. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

function keyOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 32);
}

function definedOf({ bytes, sha256 }: CataloguedFile): { bytes?: number; sha256?: string } {
  return { ...(bytes === undefined ? {} : { bytes }), ...(sha256 === undefined ? {} : { sha256 }) };
}

async function place(blob: string, into: string): Promise<void> {
  await mkdir(path.dirname(into), { recursive: true });
  await rm(into, { force: true });
  await link(blob, into).catch(() => copyFile(blob, into));
}

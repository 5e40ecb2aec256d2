import { DownloadError, throwIfCanceled } from '../../errors/errors.js';
import type { BlobStore } from '../cache/blob-store.js';
import type { ModelSourceFile } from '../model-files.js';
import { mirrored } from './address.js';
import { RemoteFault } from './remote-fault.js';
import type { Remote } from './remote.js';

/** A file with what is known of its length before it is fetched. */
export type MeasuredFile = ModelSourceFile & {
  /** Bytes of it that are here. */
  readonly bytesHere: number;
  /** Its length, as well as it is known beforehand: for sums, not for checks. */
  readonly likelyBytes: number | undefined;
};

/**
 * Asks how long each file is, where that isn't known, so that the disk's space can be checked and a file that isn't there
 * is found out before gigabytes of others have come.
 *
 * @throws DownloadError for a file that can't be had.
 */
export async function measureFiles(
  files: readonly ModelSourceFile[],
  store: BlobStore,
  remote: Remote,
  mirror: URL | undefined,
  signal: AbortSignal,
): Promise<readonly MeasuredFile[]> {
  const measured: MeasuredFile[] = [];
  for (const file of files) {
    const bytesHere = await store.bytesHere(file);
    const known = (await store.record(file))?.bytes ?? file.bytes;
    const likelyBytes = known ?? (await askLength(file, remote, mirrored(new URL(file.url), mirror), signal));
    measured.push({ ...file, bytesHere, likelyBytes: likelyBytes ?? file.approximateBytes });
  }
  return measured;
}

async function askLength(
  { name }: ModelSourceFile,
  remote: Remote,
  url: URL,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const answer = await remote.ask(url, { method: 'HEAD', signal });
    answer.body.destroy();
    return answer.totalBytes;
  } catch (error) {
    throwIfCanceled(signal);
    // Anything else may be only about this question: fetching it will tell, with patience.
    if (!(error instanceof RemoteFault && [401, 404, 410].includes(error.status ?? 0))) {
      return undefined;
    }
    throw new DownloadError('download-failed', `${name} could not be fetched: ${error.message}.`, {
      remedy: error.remedy,
      cause: error,
    });
  }
}

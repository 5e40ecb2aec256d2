import { setTimeout as delay } from 'node:timers/promises';

import { CanceledError, DownloadError, OutputError, throwIfCanceled } from '../../errors/errors.js';
import { PartialFile, removePartialFile, type PartState } from './partial-file.js';
import { RemoteFault } from './remote-fault.js';
import type { Remote, RemoteAnswer } from './remote.js';

/** Attempts in a row that bring nothing, before it is given up. */
const mostVainAttempts = 6;
const longestWait = 20_000;

/** A file to fetch. */
export interface FetchRequest {
  readonly remote: Remote;
  /** Where it is. */
  readonly url: URL;
  /** What it is called in messages. */
  readonly name: string;
  /** Where it is put; an earlier part there is gone on with. */
  readonly path: string;
  /** What is known of it beforehand. */
  readonly expected: { readonly bytes?: number | undefined; readonly sha256?: string | undefined };
  /** Milliseconds before the second attempt; each further wait is twice as long, up to 20 seconds. Default 500. */
  readonly firstWait?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how much of it is there. */
  readonly onProgress?: ((bytes: number, totalBytes: number | undefined) => void) | undefined;
  /** Told of what delays it. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** A file that is there, whole as far as can be known. */
export interface FetchedFile {
  readonly bytes: number;
  readonly sha256: string;
  /** How sure it is that this is the file: its checksum was known or declared, or its length alone was. */
  readonly checkedBy: 'checksum' | 'length';
}

/**
 * Fetches a file, going on where an earlier attempt stopped, as often as that gets it any further.
 *
 * @throws DownloadError when it can't be had or isn't what it should be; what is there is kept for the next time.
 * @throws OutputError when the disk is full. @throws CanceledError when the signal says so.
 */
export async function fetchFile(request: FetchRequest): Promise<FetchedFile> {
  const { name, path, firstWait = 500, signal, onNotice } = request;
  let startedOver = false;
  for (let vain = 0; ;) {
    throwIfCanceled(signal);
    await using part = await PartialFile.open(path);
    const before = part.length;
    try {
      const answer = await fetchInto(part, request);
      await part.finish();
      return check(part, answer, request);
    } catch (error) {
      throwIfCanceled(signal);
      await part.close();
      if (error instanceof DownloadError && error.code === 'checksum-mismatch') {
        await removePartialFile(path);
        // Bytes of an earlier day may be to blame; new ones from the first on can't be.
        if (before === 0 || startedOver) {
          throw error;
        }
        startedOver = true;
        onNotice?.(`${name}: the part fetched earlier does not fit; it is fetched anew.`);
        continue;
      }
      if (!(error instanceof RemoteFault)) {
        throw explainLocal(error, name);
      }
      vain = part.length > before ? 1 : vain + 1;
      if (!error.mayPass || vain >= mostVainAttempts) {
        throw giveUp(error, name, part.length);
      }
      const wait = error.retryAfter ?? Math.min(longestWait, firstWait * 2 ** (vain - 1));
      onNotice?.(`${name}: ${error.message}; asking again in ${Math.ceil(wait / 1000)} s.`);
      await delay(wait, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** One attempt: asks for what is missing and takes it. */
async function fetchInto(part: PartialFile, request: FetchRequest): Promise<RemoteAnswer> {
  const { remote, url, expected, signal, onProgress } = request;
  const known = part.state;
  const mayGoOn = known !== undefined && (expected.sha256 !== undefined || isValid(known, url));
  const offset = mayGoOn ? part.length : 0;
  // A validator of another server would only make this one send all of it.
  const ifRange = mayGoOn && known.origin === url.origin ? known.validator : undefined;
  const answer = await remote.ask(url, { method: 'GET', offset, ifRange, signal });
  const { status, totalBytes, validator, declaredSha256, body } = answer;
  const state: PartState = { origin: url.origin, validator, declaredSha256 };
  const total = totalBytes ?? expected.bytes;
  try {
    if (status === 416) {
      if (offset === total) {
        return answer;
      }
      await part.restart(state);
      throw new RemoteFault(`${url.host} has no more of it than is there.`, { mayPass: true });
    }
    const sameFile = declaredSha256 === undefined || declaredSha256 === (known?.declaredSha256 ?? declaredSha256);
    if (status === 200 || answer.offset !== offset || !sameFile) {
      await part.restart(state);
      if (status !== 200) {
        throw new RemoteFault(`${url.host} sent another part than the one asked for.`, { mayPass: true });
      }
    }
    onProgress?.(part.length, total);
    for await (const chunk of bodyOf(body, url)) {
      part.append(chunk);
      onProgress?.(part.length, total);
      if (total !== undefined && part.length > total) {
        await part.restart(state);
        throw new RemoteFault(`${url.host} sent more than the ${total} bytes it announced.`, { mayPass: true });
      }
    }
  } finally {
    body.destroy();
  }
  if (total !== undefined && part.length < total) {
    throw new RemoteFault(`${url.host} broke off after ${part.length} of ${total} bytes`, { mayPass: true });
  }
  return answer;
}

function isValid(state: PartState, url: URL): boolean {
  return state.origin === url.origin && state.validator !== undefined;
}

async function* bodyOf(body: AsyncIterable<unknown>, url: URL): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw RemoteFault.ofConnection(url, cause);
    });
    if (next.done === true) {
      return;
    }
    yield next.value as Uint8Array;
  }
}

function check(part: PartialFile, answer: RemoteAnswer, { name, expected, url }: FetchRequest): FetchedFile {
  const sha256 = part.digest();
  const due = expected.sha256 ?? answer.declaredSha256;
  if (expected.bytes !== undefined && part.length !== expected.bytes) {
    throw new DownloadError(
      'checksum-mismatch',
      `${name} from ${url.host} has ${part.length} bytes; it should have ${expected.bytes}.`,
      { remedy: 'It is not the published file: try again later, or another mirror with --base-url.' },
    );
  }
  if (due !== undefined && sha256 !== due) {
    throw new DownloadError(
      'checksum-mismatch',
      `${name} from ${url.host} has sha256 ${sha256}; it should have ${due}.`,
      { remedy: 'It is not the published file: try again later, or another mirror with --base-url.' },
    );
  }
  return { bytes: part.length, sha256, checkedBy: due === undefined ? 'length' : 'checksum' };
}

function giveUp(fault: RemoteFault, name: string, bytes: number): DownloadError {
  const kept = bytes === 0 ? '' : ` ${(bytes / 1e6).toFixed(1)} MB of it are kept.`;
  return new DownloadError('download-failed', `${name} could not be fetched: ${fault.message}.${kept}`, {
    remedy: fault.remedy,
    cause: fault,
  });
}

/** What failed on this side. */
function explainLocal(error: unknown, name: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof CanceledError || error instanceof DownloadError) {
    return error;
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OutputError('disk-full', `There is no space left to store ${name}.`, {
      remedy: 'Free some space and do it again: it goes on where it stopped.',
      cause: error,
    });
  }
  return error;
}

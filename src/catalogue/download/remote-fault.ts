import { shown } from './address.js';

/** What the status of an answer means to whoever reads the message. */
const meanings: Readonly<Record<number, string>> = {
  401: 'asks for a login',
  403: 'refuses it',
  404: 'has no such file',
  410: 'has it no more',
  429: 'is asked too often',
};

/** Longest wait that a server may ask for, milliseconds. */
const longestWait = 120_000;

/** Something that went wrong between here and a server; what the user is told is made of it by whoever asked. */
export class RemoteFault extends Error {
  /** Whether asking again may help. */
  readonly mayPass: boolean;
  /** Status of the answer; undefined where there was none. */
  readonly status: number | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    details: {
      readonly mayPass: boolean;
      readonly status?: number;
      readonly retryAfter?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: details.cause });
    this.mayPass = details.mayPass;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
  }

  /** What the user can do about it. */
  get remedy(): string {
    if (this.status === 401 || this.status === 403) {
      return 'Set HF_TOKEN to a token of huggingface.co that may read it, or name a mirror with --base-url.';
    }
    return this.mayPass
      ? 'Do it again later: it goes on where it stopped. A mirror can be named with --base-url.'
      : 'Check the address; a mirror can be named with --base-url.';
  }

  /** An answer that isn't the file. */
  static ofStatus(url: URL, status: number, retryAfter: string | undefined): RemoteFault {
    const seconds = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
    const meaning = meanings[status] ?? (status >= 500 ? 'is in trouble' : 'did not understand');
    return new RemoteFault(`${url.host} ${meaning} (${status}): ${shown(url)}`, {
      mayPass: status >= 500 || status === 408 || status === 425 || status === 429,
      status,
      retryAfter: seconds === undefined ? undefined : Math.min(seconds * 1000, longestWait),
    });
  }

  /** No answer, or one that broke off. */
  static ofConnection(url: URL, cause: unknown): RemoteFault {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
    const wrongCertificate = /CERT|SELF_SIGNED|ERR_TLS|UNABLE_TO/.test(code);
    return new RemoteFault(`${url.host} ${describe(code, cause)}`, {
      mayPass: !wrongCertificate,
      cause,
    });
  }
}

function describe(code: string, cause: unknown): string {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'can not be found from here';
    case 'ECONNREFUSED':
      return 'takes no connection';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'did not answer in time';
    case 'UND_ERR_BODY_TIMEOUT':
      return 'stopped sending';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return 'broke the connection off';
    default:
      return `could not be asked (${cause instanceof Error ? cause.message : String(cause)})`;
  }
}

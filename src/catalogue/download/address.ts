import { UsageError } from '../../errors/errors.js';

/**
 * The address to fetch a file of the catalogue from: its own, or the same path on a mirror.
 *
 * @param url - The catalogue's address.
 * @param baseUrl - The mirror, such as `https://mirror.example/models/` or `file:///media/models/`.
 */
export function mirrored(url: URL, baseUrl: URL | undefined): URL {
  return baseUrl === undefined ? url : new URL(`.${url.pathname}`, baseUrl);
}

/**
 * Reads the address of a mirror.
 *
 * @throws UsageError when it is none.
 */
export function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'file:'].includes(url.protocol)) {
    throw new UsageError(`options.baseUrl: "${text}" is not the address of a mirror.`, {
      remedy: 'Give one that begins with https://, http:// or file://.',
    });
  }
  if (!url.pathname.endsWith('/')) {
    url.pathname += '/';
  }
  return url;
}

/** The one host that may be shown a Hugging Face token, and only where nobody can listen. */
const tokenOrigin = 'https://huggingface.co';

/** What to tell a server of who is asking; asked anew for each redirection, so that a token never goes further. */
export type Authorize = (url: URL) => string | undefined;

/** Shows the user's Hugging Face token (`HF_TOKEN`) to Hugging Face and to nobody else. */
export const authorizeHuggingFace: Authorize = (url) => {
  const token = process.env.HF_TOKEN;
  return url.origin === tokenOrigin && token !== undefined && token !== '' ? `Bearer ${token}` : undefined;
};

/** An address fit for messages: without a password, and without the signature that storage hosts put into the query. */
export function shown(url: URL): string {
  const { protocol, host, pathname } = url;
  return `${protocol}//${host}${pathname}`;
}

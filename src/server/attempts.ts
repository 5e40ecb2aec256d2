import { isIPv6 } from 'node:net';

import { RateLimit } from './rate-limit.js';

/** Wrong tokens that one address may try at once, and a second after that. */
const ofOne = { burst: 20, perSecond: 1 };
/** And all addresses together: whoever has many of them shall not have the server do nothing but compare. */
const ofAll = { burst: 2000, perSecond: 200 };
/** Addresses that are remembered. */
const mostAddresses = 4096;

/** Counts wrong tokens by where they come from, so that nobody's guesses lock out anybody else. */
export class Attempts {
  readonly #all = new RateLimit(ofAll);
  /** By network; the one whose last try is longest ago comes first. */
  readonly #byNetwork = new Map<string, RateLimit>();

  /** Whether tokens from there aren't looked at just now. */
  isExhausted(address: string | undefined): boolean {
    return this.#all.isExhausted || this.#byNetwork.get(networkOf(address))?.isExhausted === true;
  }

  /** Counts a wrong one; false when there were too many already. */
  take(address: string | undefined): boolean {
    const network = networkOf(address);
    const own = this.#byNetwork.get(network) ?? new RateLimit(ofOne);
    this.#byNetwork.delete(network);
    this.#byNetwork.set(network, own);
    const [oldest] = this.#byNetwork.keys();
    if (this.#byNetwork.size > mostAddresses && oldest !== undefined) {
      this.#byNetwork.delete(oldest);
    }
    // What an address isn't allowed doesn't count against the others.
    return own.take() && this.#all.take();
  }
}

/**
 * Whose an address is: of IPv6 the first half, for the second is its owner's to choose at will. IPv4 as a socket for both
 * gives it (`::ffff:192.0.2.1`) is IPv4.
 */
export function networkOf(address = ''): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) {
    return mapped ?? address;
  }
  const [bare = ''] = address.split('%');
  const [head = [], tail = []] = bare.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  // The last two groups may be written as IPv4.
  const missing = 8 - head.length - tail.length - (bare.includes('.') ? 1 : 0);
  const groups = [...head, ...Array<string>(missing).fill('0'), ...tail];
  return groups.slice(0, 4).join(':').toLowerCase();
}

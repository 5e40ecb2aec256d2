import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { parseCookie, stringifySetCookie } from 'cookie';

import { hostnameOf, isLoopbackName } from './addresses.js';
import { Attempts } from './attempts.js';

/** What decides who is let in. */
export interface AccessRules {
  /** What everybody has to know; undefined where everybody who gets here is welcome. */
  readonly token: string | undefined;
  /** Whether the server listens on this machine's own addresses only. */
  readonly loopback: boolean;
  /** Whether it speaks https. */
  readonly secure: boolean;
  /** Origins of other pages that may connect, `https://example.org`. */
  readonly allowOrigin: readonly string[];
}

/** How a request stands with the token. */
export type Authorisation = 'granted' | 'missing' | 'wrong' | 'too-many-attempts';

/**
 * Who is let in: by token, by the host that was asked for, and by the page that asks.
 *
 * A browser says with every WebSocket which page opens it (`Origin`), and any page on the web may try. So the page has to
 * come from this very server, or one that was allowed. A program that is no browser sends no `Origin` and is let in by
 * its token; what it may do is what its user may do.
 */
export class Access {
  readonly #rules: AccessRules;
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #attempts = new Attempts();

  constructor(rules: AccessRules) {
    this.#rules = rules;
    this.#allowedHosts = new Set(rules.allowOrigin.map((origin) => new URL(origin).host));
  }

  /**
   * Whether the host that a request names is ours. On loopback, a name that isn't this machine's is a page elsewhere
   * that had its own name point here (DNS rebinding), and would pass for the same origin.
   */
  isOurHost(request: IncomingMessage): boolean {
    const { host } = request.headers;
    const hostname = host === undefined ? undefined : hostnameOf(host);
    if (host === undefined || hostname === undefined) {
      return false;
    }
    return !this.#rules.loopback || isLoopbackName(hostname) || this.#allowedHosts.has(host);
  }

  /** Whether the page that opens a socket is ours or allowed; true of what isn't a page. */
  isOurOrigin(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) {
      return true;
    }
    const from = URL.canParse(origin) ? new URL(origin) : undefined;
    return from !== undefined && (from.host === host || this.#rules.allowOrigin.includes(from.origin));
  }

  /** How a request stands: by cookie, or by `Authorization: Bearer`. */
  authorisation(request: IncomingMessage): Authorisation {
    const { token } = this.#rules;
    const { cookie, authorization } = request.headers;
    if (token === undefined || isSame(parseCookie(cookie ?? '')[this.#cookieName(request)], cookieValue(token))) {
      return 'granted';
    }
    const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    return bearer === undefined ? 'missing' : this.check(bearer, request);
  }

  /** How a token stands that somebody gave. */
  check(given: string, { socket: { remoteAddress } }: IncomingMessage): Authorisation {
    const { token } = this.#rules;
    if (token === undefined || isSame(given, token)) {
      // Right ones are refused, too, after too many wrong ones from there: nobody shall tell the two apart by the answer.
      return this.#attempts.isExhausted(remoteAddress) ? 'too-many-attempts' : 'granted';
    }
    return this.#attempts.take(remoteAddress) ? 'wrong' : 'too-many-attempts';
  }

  /** The cookie that lets a browser in from now on, as a `Set-Cookie` header. */
  setCookie(request: IncomingMessage): string {
    const value = cookieValue(this.#rules.token ?? '');
    return stringifySetCookie({
      ...{ name: this.#cookieName(request), value, path: '/', httpOnly: true, sameSite: 'strict' },
      secure: this.#rules.secure,
    });
  }

  /** Cookies are a host's, whatever its port; two servers on one host must not take each other's away. */
  #cookieName({ socket }: IncomingMessage): string {
    return `vid2vid-turbo-${socket.localPort ?? 0}`;
  }
}

/** What the cookie holds: made of the token, but nothing that the token could be told from. */
function cookieValue(token: string): string {
  return createHmac('sha256', token).update('vid2vid-turbo cookie').digest('base64url');
}

/** Compares in a time that tells nothing of where, or of how long, the two differ. */
function isSame(given: string | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(expected)) && given !== undefined;
}

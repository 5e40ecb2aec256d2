import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopbackAddress(address: string): boolean {
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Whether a name in a URL can only mean this machine: `localhost` and what is below it, 127.x.x.x, ::1. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return isIP(name) === 0 ? /^(.+\.)?localhost$/.test(name) : isLoopbackAddress(name);
}

/** Whether what listens on `host` can be reached from this machine only. */
export async function isLoopbackHost(host: string): Promise<boolean> {
  const found = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }];
  return found.every(({ address }) => isLoopbackAddress(address));
}

/** The name in a `Host` header, its port left out; undefined when it is none. */
export function hostnameOf(host: string): string | undefined {
  // A header, not a URL: nothing but a name and a port may be in it.
  const url = /^[^/?#@\\]+$/.test(host) && URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
  return url?.hostname;
}

/** Addresses to open a server by that listens on `host`: that one, or every one of this machine where it is all of them. */
export function reachableNames(host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') {
    return [isIP(host) === 6 ? `[${host}]` : host];
  }
  const addresses = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
  return ['localhost', ...addresses];
}

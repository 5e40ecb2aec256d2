/** What the page's address asks for. */
export interface PageAddress {
  /** `?clean=1`: the bare picture, for OBS and the like. */
  readonly isClean: boolean;
  /** `?room=NAME`: a camera that is shared under this name. */
  readonly room: string | undefined;
}

/** Reads the page's address. */
export function readAddress({ search }: Location): PageAddress {
  const parameters = new URLSearchParams(search);
  const clean = parameters.get('clean');
  const room = parameters.get('room') ?? '';
  return { isClean: clean !== null && clean !== '0', room: room === '' ? undefined : room };
}

/** The address of the bare picture. */
export function cleanAddress(location: Location): string {
  const url = new URL(location.href);
  url.searchParams.set('clean', '1');
  return url.href;
}

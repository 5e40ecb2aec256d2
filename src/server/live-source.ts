import { basename } from 'node:path';

import { UsageError } from '../errors/errors.js';
import type { LiveSourceDescription } from '../live/types.js';
import type { ServerMessage } from './protocol.js';
import { hideAddresses } from './secrets.js';

/** What a page is shown of a source. */
export type SourceTitle = NonNullable<Extract<ServerMessage, { type: 'welcome' }>['source']>;

/** A source, and what to call it. */
export interface NamedSource {
  readonly description: LiveSourceDescription;
  readonly shown: SourceTitle;
}

/**
 * Makes out what a source is: `camera` (the first one), `camera:NAME` or `/dev/videoN`, a URL, or else a file.
 *
 * @throws {@link UsageError} when it is to be looped and can't be.
 */
export function parseSource(source: string, loop: boolean): NamedSource {
  const named = nameSource(source, loop);
  if (loop && named.shown.kind !== 'file') {
    throw new UsageError(`options.loop: only a file can be looped, and "${named.shown.title}" is none.`);
  }
  return named;
}

function nameSource(source: string, loop: boolean): NamedSource {
  const camera = /^camera(?::(.+))?$/.exec(source);
  const device = camera === null ? /^\/dev\/video\d+$/.exec(source)?.[0] : camera[1];
  if (camera !== null || device !== undefined) {
    return { description: { kind: 'camera', device }, shown: { kind: 'camera', title: device ?? 'camera' } };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) {
    return { description: { kind: 'url', url: source }, shown: { kind: 'url', title: hideAddresses(source) } };
  }
  return { description: { kind: 'file', path: source, loop }, shown: { kind: 'file', title: basename(source) } };
}

import { ffmpegChildren } from '../../support/media.js';

/** What could be left behind: processes, workers, sockets and timers of this process. */
export interface Leftovers {
  readonly ffmpegs: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** Kinds of resources that a server or a translation may hold. */
const kinds = ['MessagePort', 'Worker', 'TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap', 'PipeWrap', 'Timeout'];

/** Counts what there is just now. */
export function countLeftovers(): Leftovers {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().filter((name) => kinds.includes(name))) {
    resources[kind] = (resources[kind] ?? 0) + 1;
  }
  return { ffmpegs: ffmpegChildren().length, resources };
}

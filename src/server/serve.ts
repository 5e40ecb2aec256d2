import { fileURLToPath } from 'node:url';

import { openLiveTranslation } from '../live/live-translation.js';
import type { ServeOptions } from './options.js';
import { serveWith, type LiveServer } from './serve-with.js';

// From dist/server/; run from src/ there is no built page.
const builtClient = fileURLToPath(new URL('../client/', import.meta.url));

/**
 * Serves live translation to browsers: a page on which the source, or the viewer's own camera, plays translated, and
 * the WebSocket behind it.
 *
 * @returns The server, once it listens and its source has been opened.
 * @throws {@link UsageError} for options that can't be right (among them an address that other machines can reach, without
 * a token), {@link ServerError} when it can't listen there, and the errors of the source, model, device and outputs.
 * @example
 * ```ts
 * const server = await serve({ source: 'drive.mp4', loop: true });
 * console.log(server.url);
 * ```
 * @group Live
 */
export async function serve(options: ServeOptions = {}): Promise<LiveServer> {
  return serveWith(options, { openTranslation: openLiveTranslation, clientDirectory: builtClient });
}

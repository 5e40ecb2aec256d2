import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const setup = fileURLToPath(new URL('../../scripts/setup.mjs', import.meta.url));

/** Builds before the tests, which run what is built: the workers and the command are of the sources as they are now. */
export default function globalSetup(): void {
  const { status } = spawnSync(process.execPath, [setup], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) {
    throw new Error('The project could not be built.');
  }
}

import { Vid2VidError } from '../errors/errors.js';
import { executionProviders, isOnPlatform, type ProviderName, providerNames } from './execution-providers.js';
import { missingHardware } from './hardware.js';
import { probeGraph } from './probe-graph.js';
import { Session } from './session.js';

/**
 * Whether a provider works on this machine.
 *
 * @group Generating
 */
export interface ProviderListing {
  /** The provider. */
  readonly name: ProviderName;
  /** Whether a network has just run on it: `auto` can use it. */
  readonly available: boolean;
  /** Why it isn't available. */
  readonly reason?: string;
  /** What to do to get it, where something can be done. */
  readonly remedy?: string;
}

/**
 * Tries every provider that this machine shows a device for on a tiny network, one after the other.
 *
 * @group Generating
 */
export async function listProviders(): Promise<readonly ProviderListing[]> {
  const built = await supportedBackends();
  const listings: ProviderListing[] = [];
  for (const name of providerNames) {
    listings.push(await tryProvider(name, built));
  }
  return listings;
}

async function tryProvider(name: ProviderName, built: readonly string[] | Error): Promise<ProviderListing> {
  const { remedy } = executionProviders[name];
  if (!isOnPlatform(name)) {
    const reason = `onnxruntime-node doesn't have it on ${process.platform}/${process.arch}`;
    return name === 'cpu' ? { name, available: false, reason, remedy } : { name, available: false, reason };
  }
  if (built instanceof Error) {
    const reason = `onnxruntime-node can't be loaded: ${built.message}`;
    return { name, available: false, reason, remedy: 'Install the dependencies again: npm install' };
  }
  if (!built.includes(name)) {
    return { name, available: false, reason: 'it is not in the onnxruntime-node that is installed', remedy };
  }
  const missing = await missingHardware(name);
  if (missing !== undefined) {
    // Not tried, as `auto` wouldn't: the drivers would print their own complaints.
    return { name, available: false, reason: missing, remedy };
  }
  try {
    const session = await openProbe(name);
    await session.close();
    return { name, available: true };
  } catch (error) {
    if (error instanceof Vid2VidError) {
      return { name, available: false, reason: error.message, remedy: error.remedy ?? remedy };
    }
    throw error;
  }
}

// Opening a session runs it once.
function openProbe(provider: ProviderName): Promise<Session> {
  const side = 16;
  return Session.open({
    graph: 'the test graph',
    graphBytes: probeGraph,
    provider,
    input: 'frame',
    output: 'translated',
    width: side,
    height: side,
    conditions: [],
    states: [],
    freeDimensions: { width: side, height: side },
    threads: 1,
  });
}

async function supportedBackends(): Promise<readonly string[] | Error> {
  try {
    const { listSupportedBackends } = await import('onnxruntime-node');
    return listSupportedBackends().map(({ name }) => name);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

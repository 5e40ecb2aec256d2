import { DeviceError, Vid2VidError } from '../errors/errors.js';
import {
  autoOrder,
  type DeviceName,
  executionProviders,
  isOnPlatform,
  type ProviderName,
} from './execution-providers.js';

/** What {@link openDevice} has to know of a session. */
export interface Closable {
  close(): Promise<void>;
}

/** A provider that works, and the session that shows it. */
export interface OpenDevice<S extends Closable> {
  readonly provider: ProviderName;
  readonly session: S;
}

/** How {@link openDevice} starts and tries sessions. */
export interface DeviceTrial<S extends Closable> {
  /** Why a provider is not worth a try; undefined when it is. */
  readonly missingHardware: (provider: ProviderName) => Promise<string | undefined>;
  /** Starts a session on a provider; with all the cores that one has a use for where `single` is set. */
  readonly open: (provider: ProviderName, single?: boolean) => Promise<S>;
  /** Milliseconds from one frame to the next. */
  readonly time: (session: S) => Promise<number>;
  /** Whether the model is small enough for the CPU to be worth comparing with. */
  readonly compareWithCpu: boolean;
  /** Told in one line why `auto` didn't take something better. */
  readonly onNotice: ((notice: string) => void) | undefined;
}

/**
 * Starts the first session of a generator, and with it decides where the generator runs.
 *
 * A device named by the user is used or is an error. `auto` takes the first of {@link autoOrder} that exists here, starts,
 * and draws more frames a second than the CPU does; the CPU is the last and always there. A WebGPU driver that itself runs on
 * the CPU fails that test, even where `missingHardware` can't tell.
 */
export async function openDevice<S extends Closable>(
  device: DeviceName,
  trial: DeviceTrial<S>,
  candidates: readonly ProviderName[] = autoOrder.filter((name) => isOnPlatform(name)),
): Promise<OpenDevice<S>> {
  if (device !== 'auto') {
    return { provider: device, session: await openNamed(device, trial) };
  }
  const reasons: string[] = [];
  for (const provider of candidates.filter((name) => name !== 'cpu')) {
    const found = await tryProvider(provider, trial);
    if (typeof found !== 'string') {
      announce(provider, reasons, trial.onNotice);
      return { provider, session: found };
    }
    reasons.push(found);
  }
  const session = await trial.open('cpu');
  announce('cpu', reasons, trial.onNotice);
  return { provider: 'cpu', session };
}

async function openNamed<S extends Closable>(provider: ProviderName, { open }: DeviceTrial<S>): Promise<S> {
  if (!isOnPlatform(provider)) {
    const here = `${process.platform}/${process.arch}`;
    const { platforms, remedy } = executionProviders[provider];
    throw new DeviceError(
      'device-unavailable',
      `${provider} isn't available on ${here}, only on ${platforms.join(', ')}.`,
      {
        remedy: provider === 'cpu' ? remedy : 'Choose another device, or --device auto.',
      },
    );
  }
  return open(provider);
}

/** The session on a provider, or why it is not to be used. */
async function tryProvider<S extends Closable>(provider: ProviderName, trial: DeviceTrial<S>): Promise<S | string> {
  const missing = await trial.missingHardware(provider);
  if (missing !== undefined) {
    return `${provider}: ${missing}`;
  }
  let session: S | undefined;
  try {
    session = await trial.open(provider);
    const slower = trial.compareWithCpu ? await slowerThanCpu(session, trial) : undefined;
    if (slower === undefined) {
      return session;
    }
    await session.close();
    return `${provider}: ${slower}`;
  } catch (error) {
    await session?.close();
    if (error instanceof Vid2VidError && error.code !== 'canceled') {
      return error.remedy === undefined ? error.message : `${error.message} - ${error.remedy}`;
    }
    throw error;
  }
}

async function slowerThanCpu<S extends Closable>(
  session: S,
  { open, time }: DeviceTrial<S>,
): Promise<string | undefined> {
  const own = await time(session);
  const cpu = await open('cpu', true);
  try {
    const other = await time(cpu);
    return own > other ? `slower than the CPU, ${own.toFixed(1)} against ${other.toFixed(1)} ms a frame` : undefined;
  } finally {
    await cpu.close();
  }
}

function announce(
  provider: ProviderName,
  reasons: readonly string[],
  onNotice: ((notice: string) => void) | undefined,
): void {
  if (reasons.length > 0) {
    onNotice?.(`Running on ${provider === 'cpu' ? 'the CPU' : provider} (${reasons.join('; ')}).`);
  }
}

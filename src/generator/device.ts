import { DeviceError, Vid2VidError } from '../errors/errors.js';
import {
  autoOrder,
  type DeviceName,
  executionProviders,
  isOnPlatform,
  type ProviderName,
} from './execution-providers.js';
import { missingHardware } from './hardware.js';
import type { Session } from './session.js';

/** A provider that works, and the session that shows it. */
export interface OpenDevice {
  readonly provider: ProviderName;
  readonly session: Session;
}

/** How {@link openDevice} starts and tries sessions. */
export interface DeviceTrial {
  /** Starts a session on a provider; on the CPU with all cores where `allCores` is set. */
  readonly open: (provider: ProviderName, allCores?: boolean) => Promise<Session>;
  /** Milliseconds that a frame takes a session. */
  readonly time: (session: Session) => Promise<number>;
  /** Whether the model is small enough for the CPU to be worth comparing with. */
  readonly compareWithCpu: boolean;
  /** Told in one line why `auto` didn't take something better. */
  readonly onNotice: ((notice: string) => void) | undefined;
}

/**
 * Starts the first session of a generator, and with it decides where the generator runs.
 *
 * A device named by the user is used or is an error. `auto` takes the first of {@link autoOrder} that exists here, starts,
 * and draws a frame faster than the CPU does; the CPU is the last and always there. A WebGPU driver that itself runs on
 * the CPU fails that test, even where {@link missingHardware} can't tell.
 */
export async function openDevice(device: DeviceName, trial: DeviceTrial): Promise<OpenDevice> {
  if (device !== 'auto') {
    return { provider: device, session: await openNamed(device, trial) };
  }
  const reasons: string[] = [];
  for (const provider of autoOrder.filter((name) => isOnPlatform(name) && name !== 'cpu')) {
    const found = await tryProvider(provider, trial);
    if (typeof found !== 'string') {
      announce(provider, reasons, trial);
      return { provider, session: found };
    }
    reasons.push(`${provider}: ${found}`);
  }
  const session = await trial.open('cpu');
  announce('cpu', reasons, trial);
  return { provider: 'cpu', session };
}

async function openNamed(provider: ProviderName, { open }: DeviceTrial): Promise<Session> {
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
async function tryProvider(provider: ProviderName, trial: DeviceTrial): Promise<Session | string> {
  const missing = await missingHardware(provider);
  if (missing !== undefined) {
    return missing;
  }
  let session: Session | undefined;
  try {
    session = await trial.open(provider);
    const slower = trial.compareWithCpu ? await slowerThanCpu(session, trial) : undefined;
    if (slower === undefined) {
      return session;
    }
    await session.close();
    return slower;
  } catch (error) {
    await session?.close();
    if (error instanceof Vid2VidError && error.code !== 'canceled') {
      const remedy = error.remedy === undefined ? '' : ` (${error.remedy})`;
      return error.message + remedy;
    }
    throw error;
  }
}

async function slowerThanCpu(session: Session, { open, time }: DeviceTrial): Promise<string | undefined> {
  const own = await time(session);
  const cpu = await open('cpu', true);
  try {
    const other = await time(cpu);
    return own > other ? `slower than the CPU, ${own.toFixed(1)} against ${other.toFixed(1)} ms a frame` : undefined;
  } finally {
    await cpu.close();
  }
}

function announce(provider: ProviderName, reasons: readonly string[], { onNotice }: DeviceTrial): void {
  if (reasons.length > 0) {
    onNotice?.(`Running on ${provider === 'cpu' ? 'the CPU' : provider} (${reasons.join('; ')}).`);
  }
}

import type { Command } from 'commander';

import { columns, paint } from './text.js';

/** Adds `devices`: the cameras of this machine. */
export function addDevicesCommand(program: Command): void {
  program
    .command('devices')
    .description('list the cameras of this machine')
    .option('--json', 'as one JSON array')
    .option('--ffmpeg <path>', 'the ffmpeg to ask, where the system itself does not tell')
    .action(listDevicesCommand);
}

async function listDevicesCommand({ json, ffmpeg }: { readonly json?: true; readonly ffmpeg?: string }): Promise<void> {
  const { listCaptureDevices } = await import('../index.js');
  const devices = await listCaptureDevices({ ffmpeg });
  if (json) {
    process.stdout.write(`${JSON.stringify(devices, undefined, 2)}\n`);
    return;
  }
  if (devices.length === 0) {
    process.stdout.write('There is no camera.\n');
    return;
  }
  const rows = devices.map(({ id, name, backend }) => [id, name, backend]);
  const [first = '', ...rest] = columns([['camera', 'name', 'by'], ...rows]).split('\n');
  process.stdout.write(`${paint('bold', first, process.stdout)}\n${rest.join('\n')}`);
}

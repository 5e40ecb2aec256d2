import type { Command } from 'commander';

import type { FfmpegReport, SystemProblem, SystemReport } from '../index.js';
import { columns, megabytes, paint } from './text.js';

interface Flags {
  readonly ffmpeg?: string;
  readonly json?: true;
}

/** Where an ffmpeg was found, in words. */
const origins: Readonly<Record<FfmpegReport['origin'], string>> = {
  option: 'named with --ffmpeg',
  FFMPEG_PATH: 'named by FFMPEG_PATH',
  PATH: 'found on PATH',
  bundled: 'the bundled one',
};

/** Adds `doctor`: what this machine brings, what is missing, and the command that mends it. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('look at this machine: what is missing, and what mends it')
    .description('Looks at this machine: ffmpeg, where networks can run, models; what is missing and what mends it.')
    .option('--ffmpeg <path>', 'the ffmpeg to look at (default: the one that translate would use)')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExits with 1 when something keeps videos from being translated.')
    .action(async ({ ffmpeg, json }: Flags) => {
      const { inspectSystem } = await import('../index.js');
      const report = await inspectSystem({ ffmpeg });
      process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report));
      process.exitCode = report.problems.some(isError) ? 1 : 0;
    });
}

function describe(report: SystemReport): string {
  const { ffmpeg } = report;
  const rows: [string, string][] = [
    ['node', `${report.node}, ${report.platform}`],
    ['machine', `${report.processor}, ${report.cores} cores, ${(report.memoryMb / 1024).toFixed(1)} GiB`],
    ['ffmpeg', ffmpeg === undefined ? 'none' : `${ffmpeg.version}, ${ffmpeg.path} (${origins[ffmpeg.origin]})`],
  ];
  if (ffmpeg !== undefined) {
    rows.push(['ffprobe', ffmpeg.ffprobePath], ['encoders', ffmpeg.encoders.join(' ')]);
  }
  for (const { name, available, reason } of report.providers) {
    rows.push([name, available ? paint('green', 'works', process.stdout) : `no: ${reason ?? 'unknown'}`]);
  }
  for (const { effect, id, version, bytes } of report.models) {
    rows.push([`model`, `${id} ${version} (${effect}), ${megabytes(bytes)}`]);
  }
  return `${columns(rows)}\n${report.problems.map(describeProblem).join('')}${conclusion(report)}`;
}

function describeProblem({ severity, message, remedy }: SystemProblem): string {
  const label = paint(severity === 'error' ? 'red' : 'yellow', `${severity}:`, process.stdout);
  return `${label} ${message}\n${remedy === undefined ? '' : `  ${remedy}\n`}`;
}

function conclusion({ problems, providers }: SystemReport): string {
  if (problems.some(isError)) {
    return paint('red', 'Videos can not be translated until that is mended.\n', process.stdout);
  }
  const faster = providers.filter(({ available, remedy }) => !available && remedy !== undefined);
  const hints = faster.map(({ name, remedy }) => `For ${name}: ${remedy ?? ''}\n`).join('');
  return `${hints}${paint('green', 'Videos can be translated.\n', process.stdout)}`;
}

function isError({ severity }: SystemProblem): boolean {
  return severity === 'error';
}

import { readFileSync, readdirSync } from 'node:fs';

import { execa } from 'execa';

/** What running a program cost. */
export interface Cost {
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** Processor seconds of the program and all its children; undefined where the system doesn't tell (not Linux). */
  readonly cpuSeconds: number | undefined;
  /** Peak resident memory of the program with all its children, MiB, sampled; undefined where the system doesn't tell. */
  readonly peakTreeMb: number | undefined;
  /** What it printed. */
  readonly stdout: string;
}

/** Ticks a second of /proc's processor times: fixed at 100 on Linux for every architecture that Node runs on. */
const ticksPerSecond = 100;
const sampleInterval = 100;

/** Runs a program to its end and measures it. Throws when it fails. */
export async function measure(program: string, options: readonly string[]): Promise<Cost> {
  const cpuBefore = childCpuSeconds();
  const start = performance.now();
  const running = execa(program, options, { stdin: 'ignore', stderr: 'pipe', maxBuffer: 1e8 });
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, treeMemoryMb(running.pid));
  }, sampleInterval);
  try {
    const { stdout } = await running;
    const cpuAfter = childCpuSeconds();
    return {
      seconds: (performance.now() - start) / 1000,
      cpuSeconds: cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore,
      peakTreeMb: peak === 0 ? undefined : peak,
      stdout,
    };
  } finally {
    clearInterval(sampler);
  }
}

/** Processor seconds of all children that have ended and their children, from /proc/self/stat. */
function childCpuSeconds(): number | undefined {
  const fields = statFields('self');
  return fields === undefined ? undefined : (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** The fields of /proc/PID/stat after the program's name, which may hold spaces. */
function statFields(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function treeMemoryMb(root: number | undefined): number {
  if (root === undefined || process.platform !== 'linux') {
    return 0;
  }
  const children = new Map<number, number[]>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = Number(statFields(pid)?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
  }
  let total = 0;
  const rest = [root];
  for (let pid = rest.pop(); pid !== undefined; pid = rest.pop()) {
    total += residentMb(pid);
    rest.push(...(children.get(pid) ?? []));
  }
  return total;
}

function residentMb(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

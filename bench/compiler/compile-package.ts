import { readdir, readFile, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { execa } from 'execa';
import { z } from 'zod';

/** What all pieces are told. */
export interface Settings {
  readonly folder: string;
  readonly python: string;
  readonly threads: string;
  readonly repeat: string;
}

/** A checkpoint and how it is compiled. */
export interface Model {
  readonly checkpoint: string;
  readonly prompt: string;
  readonly direction?: 'a2b';
  readonly input: 'picture' | 'edges' | 'sketch';
}

export type Precision = 'fp32' | 'fp16';

/** What compiling cost, and what came of it. */
export interface Compiled {
  readonly seconds: number;
  readonly peakMb: number;
  readonly fileBytes: number;
  /** By part, of a frame of 512x512. */
  readonly multiplications: Readonly<Record<string, number>>;
}

const cli = join(import.meta.dirname, '../../dist/cli/main.js');
const manifest = z.object({ figures: z.object({ multiplicationsAt512x512: z.record(z.string(), z.number()) }) });

/** Where the package of a model is. */
export function packageOf(folder: string, name: string, precision: Precision): string {
  return join(folder, `${name}-${precision}`);
}

/** Compiles a package as a user does, and watches the process. */
export async function compilePackage(
  { folder }: Settings,
  name: string,
  { checkpoint, prompt, direction }: Model,
  precision: Precision,
): Promise<Compiled> {
  const output = packageOf(folder, name, precision);
  const from = ['--checkpoint', join(folder, checkpoint), '--base', join(folder, 'base'), '--prompt', prompt];
  const to = ['--id', name, '--precision', precision, '--output', output, '--overwrite', '--quiet'];
  const way = direction === undefined ? [] : ['--direction', direction];
  const start = performance.now();
  const running = execa(process.execPath, [cli, 'models', 'compile', ...from, ...way, ...to], { stdio: 'inherit' });
  let peakMb = 0;
  const watch = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(running.pid));
  }, 50);
  try {
    await running;
  } finally {
    clearInterval(watch);
  }
  const seconds = (performance.now() - start) / 1000;
  const sizes = await Promise.all((await readdir(output)).map(async (file) => (await stat(join(output, file))).size));
  const { figures } = manifest.parse(JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')));
  return {
    ...{ seconds, peakMb },
    fileBytes: sizes.reduce((sum, size) => sum + size, 0),
    multiplications: figures.multiplicationsAt512x512,
  };
}

/** Most memory that a process has had so far, MiB; 0 when it is gone. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

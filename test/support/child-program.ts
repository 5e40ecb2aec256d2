import { execa } from 'execa';

/** How a program ended. */
export interface Ending {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of Node.js to its end; one that hangs is killed after four minutes and has no exit code. */
export async function runProgram(
  file: URL,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const { exitCode, signal, stdout, stderr } = await execa(process.execPath, [file.pathname, ...args], {
    env: environment,
    reject: false,
    timeout: 240_000,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
  });
  return { exitCode, signal, stdout, stderr };
}

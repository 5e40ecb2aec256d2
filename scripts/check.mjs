// Runs the checks that `npm run check` is made of: the longest beside the others, since each keeps one core busy.
// All of them come to their end, whatever fails; what each says is shown in one piece when it has.
import { spawn } from 'node:child_process';

const rows = [['lint'], ['format:check', 'typecheck', 'docs:check']];

/** Runs a script of package.json; resolves with whether it succeeded. */
async function run(script) {
  // npm names itself here; on Windows that spares finding npm.cmd.
  const npm = process.env.npm_execpath;
  const args = ['run', '--silent', script];
  const options = { stdio: ['ignore', 'pipe', 'pipe'] };
  const child = npm?.endsWith('.js') ? spawn(process.execPath, [npm, ...args], options) : spawn('npm', args, options);
  const held = [];
  child.stdout.on('data', (chunk) => held.push([process.stdout, chunk]));
  child.stderr.on('data', (chunk) => held.push([process.stderr, chunk]));
  const problem = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  held.forEach(([stream, chunk]) => stream.write(chunk));
  if (problem !== undefined) {
    process.stderr.write(`npm run ${script}: ${problem}\n`);
  }
  return problem === undefined;
}

/** Runs scripts one after the other; resolves with whether all succeeded. */
async function runRow(scripts) {
  let isFine = true;
  for (const script of scripts) {
    isFine = (await run(script)) && isFine;
  }
  return isFine;
}

const results = await Promise.all(rows.map(runRow));
process.exitCode = results.every((isFine) => isFine) ? 0 : 1;

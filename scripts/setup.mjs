// Does what is still to do before a command of this checkout can run: dependencies, build and, with
// --with-test-tools, the Debian packages that some tests need. Nothing to do costs a few milliseconds.
// Plain Node with no dependency, since it runs before there are any. Speaks on stderr only: stdout belongs to the command.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...parts) => join(root, ...parts);

/** Paths of the stamps, each written last: it holds the hash of what its step was made from. */
const stamps = {
  dependencies: inRoot('node_modules', '.setup-stamp'),
  build: inRoot('dist', '.build-stamp'),
  training: inRoot('models', 'training', '.venv', '.setup-stamp'),
};

/** Programs that some tests need: their names on PATH, Debian's packages, and what is skipped without them. */
const testTools = [
  {
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    packages: ['chromium'],
    skipped: 'the tests in a browser and those of the WebGPU provider',
  },
  { programs: ['ffmpeg'], packages: ['ffmpeg'], skipped: 'the tests with a system ffmpeg (the bundled one is tested)' },
];

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  throw new SetUpError(line);
}

/** What can't be mended here. */
class SetUpError extends Error {}

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`vid2vid-turbo needs Node 20.19 or newer, and this is ${process.versions.node}: https://nodejs.org/download`);
  }
}

/** Runs a command with its output held back; it is shown, in one piece, when the command fails. After Ctrl-C none is begun. */
async function runQuietly(command, args, env = {}) {
  if (isInterrupted) {
    return false;
  }
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // The CUDA libraries are not downloaded, see .npmrc; an npm that no longer knows its line knows this.
    env: { ONNXRUNTIME_NODE_INSTALL: 'skip', ...process.env, ...env },
  });
  const held = [];
  child.stdout.on('data', (chunk) => held.push(chunk));
  child.stderr.on('data', (chunk) => held.push(chunk));
  const problem = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) =>
      resolve(code === 0 ? undefined : `${command} ${args.join(' ')}: ${signal ?? `exit code ${code}`}`),
    );
  });
  if (problem !== undefined) {
    held.forEach((chunk) => process.stderr.write(chunk));
    say(problem);
  }
  return problem === undefined;
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) {
    sum.update(part).update('\0');
  }
  return sum.digest('hex');
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function isStamped(stamp, value) {
  return readText(stamp) === value;
}

/** Files below `folder`, by path relative to it, sorted. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

// ---------------------------------------------------------------------------------------------- dependencies

function dependenciesHash() {
  return hash(readFileSync(inRoot('package-lock.json')), process.platform, process.arch);
}

/** Whether somebody has run `npm install` by hand: npm's own record, which it writes last, names what the lock names. */
function isInstalledByHand() {
  const record = readText(inRoot('node_modules', '.package-lock.json'));
  if (record === undefined) {
    return false;
  }
  const installed = JSON.parse(record).packages;
  const locked = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages;
  const isAsLocked = ([path, entry]) =>
    path === '' ||
    (installed[path] === undefined ? entry.optional === true : installed[path].version === entry.version);
  return Object.entries(locked).every(isAsLocked);
}

async function installDependencies() {
  if (!isInstalledByHand()) {
    say('Installing the dependencies (npm ci) ...');
    // npm names itself here when it is what runs this script; on Windows that spares finding npm.cmd.
    const npm = process.env.npm_execpath;
    // `npm run --silent` would make this one silent too, about its errors as well.
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=warn'];
    if (!(await (npm?.endsWith('.js') ? runQuietly(process.execPath, [npm, ...args]) : runQuietly('npm', args)))) {
      fail('The dependencies could not be installed; npm says why above. Running the same command again tries again.');
    }
  }
  writeFileSync(stamps.dependencies, dependenciesHash());
}

// ----------------------------------------------------------------------------------------------------- build

/** Where the sources are: of the library and the command, and of the page that `serve` shows. */
const sourceFolders = ['src', 'client'];

function buildHash() {
  const sources = sourceFolders.flatMap((folder) =>
    filesBelow(inRoot(folder)).flatMap((path) => [`${folder}/${path}`, readFileSync(inRoot(folder, path))]),
  );
  return hash(readFileSync(inRoot('tsconfig.json')), readFileSync(inRoot('package-lock.json')), ...sources);
}

/** Removes what was built from sources that are gone. */
function pruneBuild() {
  // The page's folder is emptied by its own bundler.
  const compiled = filesBelow(inRoot('dist')).filter((path) => !path.startsWith(`client${sep}`));
  for (const path of compiled) {
    const source = path.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
    if (source !== path && !existsSync(inRoot('src', source))) {
      rmSync(inRoot('dist', path));
    }
  }
}

async function build() {
  say('Building (tsc, vite) ...');
  const built = buildHash();
  rmSync(stamps.build, { force: true });
  const compile = [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', inRoot('tsconfig.json')];
  const bundle = ['build', '-c', inRoot('client', 'vite.config.ts'), '--logLevel', 'warn'];
  if (!(await runQuietly(process.execPath, compile))) {
    fail('The build failed; tsc says why above.');
  }
  if (!(await runQuietly(process.execPath, [inRoot('node_modules', 'vite', 'bin', 'vite.js'), ...bundle]))) {
    fail('The build of the viewer page failed; vite says why above.');
  }
  pruneBuild();
  writeFileSync(stamps.build, built);
}

// ------------------------------------------------------------------------------------------------ test tools

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function missingTestTools() {
  return testTools.filter((tool) => !tool.programs.some(isOnPath));
}

function canInstallPackages() {
  const release = readText('/etc/os-release') ?? '';
  return process.getuid?.() === 0 && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && isOnPath('apt-get');
}

async function installTestTools() {
  const packages = missingTestTools().flatMap((tool) => tool.packages);
  if (canInstallPackages()) {
    say(`Installing ${packages.join(' and ')} for the tests (apt-get) ...`);
    const patience = ['-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::Retries=1', '-o', 'DPkg::Lock::Timeout=300'];
    const aptGet = (...args) => runQuietly('apt-get', [...patience, ...args], { DEBIAN_FRONTEND: 'noninteractive' });
    // One list that can't be fetched need not stand in the way: the installation tells.
    await aptGet('-qq', 'update');
    await aptGet('-qq', 'install', '-y', '--no-install-recommends', ...packages);
  }
  for (const tool of missingTestTools()) {
    say(`No ${tool.programs[0]} here, so ${tool.skipped} will be skipped.`);
    say(`  To have it on Debian or Ubuntu: sudo apt-get install ${tool.packages.join(' ')}`);
  }
}

// -------------------------------------------------------------------------------------- training environment

const requirements = inRoot('models', 'training', 'requirements.txt');

/**
 * Whether the tests of models/training want an environment made for them. Its packages weigh gigabytes, so only continuous
 * integration gets it unasked; elsewhere those tests say how to make one.
 */
function wantsTraining() {
  return process.env.CI === 'true' && process.env.VID2VID_TURBO_TRAINING_PYTHON === undefined && isOnPath('python3');
}

function trainingHash() {
  return hash(readFileSync(requirements), root);
}

/** Makes models/training/.venv. Where that can't be done the tests that need it skip, and say so. */
async function installTraining() {
  say("Installing the training's Python packages (pip) ...");
  const folder = inRoot('models', 'training', '.venv');
  const python = join(folder, 'bin', 'python');
  rmSync(folder, { recursive: true, force: true });
  if (
    (await runQuietly('python3', ['-m', 'venv', folder])) &&
    (await runQuietly(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]))
  ) {
    writeFileSync(stamps.training, trainingHash());
  } else {
    say('The training environment could not be made; pip says why above. The tests that need it will be skipped.');
  }
}

// ------------------------------------------------------------------------------------------------- one by one

/** Waits until no other set-up of this checkout is at work, then keeps others waiting until this process ends. */
function keepOthersWaiting() {
  const lock = join(tmpdir(), `vid2vid-turbo-setup-${hash(root).slice(0, 16)}.lock`);
  for (let told = false; ; told = true) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(lock, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw error;
      }
    }
    const holder = readText(lock) ?? '';
    if (!told) {
      say(`Waiting for another set-up of this checkout (process ${holder}; ${lock}) ...`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    if (holder === readText(lock) && !isRunning(Number(holder))) {
      rmSync(lock, { force: true });
    }
  }
}

/** Whether the process lives. 0 and NaN (no pid written) do not. */
function isRunning(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// Ctrl-C reaches npm and the others as well. This process waits for them to end, so that a second set-up, started right
// after, meets nobody still at work in node_modules; then it fails, whatever became of them.
let isInterrupted = false;
process.on('SIGINT', () => {
  isInterrupted = true;
});

/** Does what of the steps isn't done yet, one after the other. */
async function takeSteps(steps) {
  for (const { isDone, work } of steps) {
    if (!isDone() && !isInterrupted) {
      await work();
    }
  }
}

try {
  refuseOldNode();
  // Each list in its order, the lists side by side: the tools are fetched while npm installs.
  const lists = [
    [
      { isDone: () => isStamped(stamps.dependencies, dependenciesHash()), work: installDependencies },
      { isDone: () => isStamped(stamps.build, buildHash()), work: build },
    ],
  ];
  if (process.argv.includes('--with-test-tools')) {
    lists.push([{ isDone: () => missingTestTools().length === 0, work: installTestTools }]);
    const isTrainingReady = () => !wantsTraining() || isStamped(stamps.training, trainingHash());
    lists.push([{ isDone: isTrainingReady, work: installTraining }]);
  }
  if (!lists.flat().every(({ isDone }) => isDone())) {
    keepOthersWaiting();
    // A list that fails leaves the others to come to their end, so that no program stays behind; what failed is said last.
    const ends = await Promise.allSettled(lists.map(takeSteps));
    const failed = ends.find(({ status }) => status === 'rejected');
    if (isInterrupted) {
      process.exitCode = 130;
    } else if (failed !== undefined) {
      throw failed.reason;
    }
  }
} catch (error) {
  if (!(error instanceof SetUpError)) {
    throw error;
  }
  say(error.message);
  process.exitCode = 1;
}

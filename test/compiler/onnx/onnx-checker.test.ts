/**
 * Whole generators, as they are compiled, before the checker that ONNX itself has. It wants a Python with the package `onnx`,
 * and is skipped, loudly, where there is none.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { compileModel } from '../../../dist/compiler/compile.js';
import { networkFixtures } from '../networks/golden.js';

const candidates = [
  process.env.VID2VID_TURBO_ORACLE_PYTHON,
  path.join(import.meta.dirname, '../../../models/training/.venv/bin/python'),
  path.join(import.meta.dirname, '../../../models/training/.venv/Scripts/python.exe'),
];

const python = candidates.find((candidate) => {
  try {
    execFileSync(candidate ?? '', ['-c', 'import onnx'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
if (python === undefined) {
  console.warn(
    'SKIPPED: the compiled generators before ONNX’s own checker, since there is no Python with the package onnx (name one by ' +
      'VID2VID_TURBO_ORACLE_PYTHON, or install models/training/requirements.txt in models/training/.venv).',
  );
}

/** Checks files with their external data, types and shapes inferred; says what is in them. */
const program = `
import json, sys, onnx
for path in sys.argv[1:]:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    print(json.dumps({
        "inputs": {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in graph.input},
        "outputs": [o.name for o in graph.output],
        "external": sum(t.data_location == onnx.TensorProto.EXTERNAL for t in graph.initializer),
        "halves": sum(t.data_type == onnx.TensorProto.FLOAT16 for t in graph.initializer),
    }))
`;

interface Seen {
  readonly inputs: Readonly<Record<string, readonly (string | number)[]>>;
  readonly outputs: readonly string[];
  readonly external: number;
  readonly halves: number;
}

function check(...files: readonly string[]): readonly Seen[] {
  const output = execFileSync(python ?? '', ['-c', program, ...files], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Seen);
}

describe.skipIf(python === undefined)("ONNX's own checker", { timeout: 120_000 }, () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-checker-'));
  });
  afterAll(async () => rm(scratch, { recursive: true }));

  async function compile(checkpoint: string, changes: object): Promise<readonly string[]> {
    const output = path.join(scratch, `${checkpoint} ${Object.values(changes).join(' ')}`);
    await mkdir(output, { recursive: true });
    await compileModel({
      checkpoint: path.join(networkFixtures, `${checkpoint}.pkl`),
      base: path.join(networkFixtures, 'base'),
      output,
      prompt: 'driving in the night',
      precision: ['fp32', 'fp16'],
      about: { id: 'tiny', effect: 'tiny', title: 'Tiny', description: '', licence: 'CC0-1.0', source: 'test' },
      ...changes,
    });
    return [path.join(output, 'model.onnx'), path.join(output, 'model.fp16.onnx')];
  }

  const frame = [1, 'height', 'width', 3];
  test.each([
    ['cyclegan-turbo', { direction: 'a2b' }, { frame }],
    ['cyclegan-turbo', { direction: 'b2a', posterior: 'sample', seed: 3 }, { frame }],
    ['pix2pix-turbo', {}, { frame }],
    ['pix2pix-turbo', { input: 'picture' }, { frame }],
    ['pix2pix-turbo-stochastic', {}, { frame, guidance: [1], seed: [1] }],
  ])('accepts %s %o in full and in half precision, with its weights beside it', async (checkpoint, changes, inputs) => {
    const [full, half] = check(...(await compile(checkpoint, changes)));
    for (const seen of [full, half]) {
      expect(seen).toMatchObject({ inputs, outputs: ['translated'] });
      expect(seen?.external).toBeGreaterThan(50);
    }
    expect(full?.halves).toBe(0);
    expect(half?.halves).toBeGreaterThan(200);
  });

  test('is heard when it refuses one', async () => {
    const [file = ''] = await compile('cyclegan-turbo', { direction: 'a2b', id: 'spoilt' });
    const graph = await readFile(file);
    // An operator that there is not, in the same number of letters.
    const at = graph.indexOf('Transpose', graph.indexOf('\x22\x09Transpose', 0, 'latin1'), 'latin1');
    expect(at).toBeGreaterThan(0);
    graph.write('Transposy', at, 'latin1');
    await writeFile(file, graph);
    expect(() => check(file)).toThrow(/Transposy/);
  });
});

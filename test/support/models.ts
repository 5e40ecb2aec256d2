import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import type { Frame } from '../../dist/frame/frame.js';

/** Folder of a model package made by test/oracle/make-model-fixtures.py. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
}

/** A copy of a fixture that the test may spoil; gone when the test has ended. */
export async function copyOfFixture(name: string): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixture(name), folder, { recursive: true });
  return folder;
}

/** An empty folder; gone when the test has ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vid2vid-turbo-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A manifest as JSON, for a test to spoil. */
export type LooseManifest = Record<string, unknown> & {
  graphs: Record<string, unknown>[];
  input: Record<string, unknown>;
  conditions: Record<string, unknown>[];
  states?: Record<string, unknown>[];
};

/** Changes the manifest of a package. */
export async function editManifest(folder: string, edit: (manifest: LooseManifest) => void): Promise<void> {
  const file = path.join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as LooseManifest;
  edit(manifest);
  await writeFile(file, JSON.stringify(manifest));
}

/** A frame whose bytes are told by its index: no two are the same. */
export function frameOf(index: number, width: number, height: number): Frame {
  const pixels = new Uint8Array(width * height * 3);
  let state = index + 1;
  for (let i = 0; i < pixels.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state >>> 24;
  }
  return { index, width, height, timestamp: index * 40, pixels };
}

import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { parseManifest } from '../../dist/generator/parse-manifest.js';
import { fixture, type LooseManifest } from '../support/models.js';

const good = readFileSync(`${fixture('invert')}/manifest.json`, 'utf8');

const previous = { input: 'previous', output: 'next', initialShape: [1, 35, 1, 1], initial: -1000 };

function parseEdited(edit: (manifest: LooseManifest) => void) {
  const manifest = JSON.parse(good) as LooseManifest;
  edit(manifest);
  return parseManifest(JSON.stringify(manifest), 'models/x/manifest.json');
}

describe('a manifest', () => {
  test('is read as it is written', () => {
    const manifest = parseManifest(good, 'manifest.json');
    expect(manifest).toMatchObject({ id: 'invert', effect: 'invert', licence: 'MIT', input: { name: 'frame' } });
    expect(manifest.conditions).toEqual([{ kind: 'strength', input: 'strength', minimum: 0, maximum: 1, default: 1 }]);
  });

  test('may hold keys that this release knows nothing of', () => {
    expect(parseEdited((m) => (m.futureKey = { any: 'thing' })).id).toBe('invert');
  });

  test('has frames of even size where it says nothing', () => {
    expect(parseEdited((m) => delete m.input.sizeMultiple).input.sizeMultiple).toBe(2);
  });

  test('remembers nothing where it says nothing, and else what it says', () => {
    expect(parseEdited(() => undefined).states).toEqual([]);
    expect(parseEdited((m) => (m.states = [previous])).states).toEqual([previous]);
  });

  test('of another format is refused with both numbers', () => {
    expect(() => parseEdited((m) => (m.formatVersion = 2))).toThrow(
      expect.objectContaining({
        code: 'model-invalid',
        message: 'models/x/manifest.json has formatVersion 2; this release reads formatVersion 1.',
        remedy: expect.stringContaining('Update') as string,
      }),
    );
  });

  test('that is not JSON is refused', () => {
    expect(() => parseManifest('{"id": ', 'm.json')).toThrow(/^m\.json is not JSON: /);
    expect(() => parseManifest('[]', 'm.json')).toThrow(/^m\.json is not a valid model manifest: /);
    expect(() => parseManifest('null', 'm.json')).toThrow(/^m\.json is not a valid model manifest: /);
  });

  test.each<[string, RegExp, (m: LooseManifest) => void]>([
    ['no id', /: id: /, (m) => delete m.id],
    ['no graphs', /: graphs: /, (m) => (m.graphs = [])],
    ['an unknown precision', /graphs\[0\]\.precision: /, (m) => (m.graphs[0] = { ...m.graphs[0], precision: 'fp8' })],
    ['a precision twice', /graphs: names a precision twice/, (m) => m.graphs.push({ ...m.graphs[0] })],
    ['a short checksum', /graphs\[0\]\.sha256: must be 64/, (m) => (m.graphs[0] = { ...m.graphs[0], sha256: 'ab' })],
    ['a length that is text', /graphs\[0\]\.bytes: /, (m) => (m.graphs[0] = { ...m.graphs[0], bytes: '393' })],
    ['no split', /graphs\[0\]\.splitAt: /, (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: [] })],
    [
      'a split at no tensor',
      /graphs\[0\]\.splitAt\[1\]: /,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: [['maps'], []] }),
    ],
    [
      'a split at one without a name',
      /\.splitAt\[0\]\[1\]: /,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: [['a', '']] }),
    ],
    ['splits that are no list', /graphs\[0\]\.splitAt: /, (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: 'maps' })],
    [
      'a split that is no list',
      /graphs\[0\]\.splitAt\[0\]: /,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: ['maps'] }),
    ],
    [
      'a split twice at a tensor',
      /graphs\[0\]\.splitAt: names a tensor twice/,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: [['maps'], ['maps']] }),
    ],
    [
      'a split at the same tensor twice',
      /graphs\[0\]\.splitAt: names a tensor twice/,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: [['maps', 'light', 'maps']] }),
    ],
    [
      'more stages than any machine has a use for',
      /graphs\[0\]\.splitAt: /,
      (m) => (m.graphs[0] = { ...m.graphs[0], splitAt: Array.from({ length: 8 }, (_, index) => [`h${index}`]) }),
    ],
    ['a multiple of 0', /input\.sizeMultiple: /, (m) => (m.input.sizeMultiple = 0)],
    ['a minimum above the maximum', /input: minimum exceeds maximum/, (m) => (m.input.minWidth = 5000)],
    [
      'an unknown condition',
      /conditions\[0\]\.kind: /,
      (m) => (m.conditions[0] = { ...m.conditions[0], kind: 'mood' }),
    ],
    ['a condition twice', /conditions: names a kind twice/, (m) => m.conditions.push({ ...m.conditions[0] })],
    [
      'a default out of range',
      /conditions\[0\]\.default: /,
      (m) => (m.conditions[0] = { ...m.conditions[0], default: 2 }),
    ],
    ['a state without a shape', /states\[0\]\.initialShape: /, (m) => (m.states = [{ ...previous, initialShape: [] }])],
    [
      'a state of size 0',
      /states\[0\]\.initialShape\[1\]: /,
      (m) => (m.states = [{ ...previous, initialShape: [1, 0] }]),
    ],
    [
      'a state that would fill the memory',
      /states\[0\]\.initialShape: must hold no more than 16777216 numbers/,
      (m) => (m.states = [{ ...previous, initialShape: [1, 1e6, 1e6] }]),
    ],
    [
      'a state that begins beyond float32',
      /states\[0\]\.initial: must be a finite float32/,
      (m) => (m.states = [{ ...previous, initial: 1e39 }]),
    ],
    [
      'a state that begins with nothing',
      /states\[0\]\.initial: /,
      (m) => (m.states = [{ ...previous, initial: null }]),
    ],
    ['a state twice', /states: names an input or output .* elsewhere/, (m) => (m.states = [previous, previous])],
    ['a state that is a condition', /states: names/, (m) => (m.states = [{ ...previous, input: 'strength' }])],
    ['a state that is the frame', /states: names/, (m) => (m.states = [{ ...previous, input: 'frame' }])],
    ['a state that is the picture', /states: names/, (m) => (m.states = [{ ...previous, output: 'translated' }])],
    ['no provenance', /: provenance: /, (m) => delete m.provenance],
  ])('with %s is refused, the place named', (_, message, edit) => {
    expect(() => parseEdited(edit)).toThrow(expect.objectContaining({ code: 'model-invalid', name: 'ModelError' }));
    expect(() => parseEdited(edit)).toThrow(message);
  });

  test.each(['../model.onnx', '/etc/passwd', 'a/b.onnx', 'a\\b.onnx', '..', '.hidden', 'C:model.onnx', ''])(
    'that names the file %j is refused: files lie in its own folder',
    (file) => {
      expect(() => parseEdited((m) => (m.graphs[0] = { ...m.graphs[0], file }))).toThrow(/graphs\[0\]\.file: /);
      expect(() =>
        parseEdited((m) => (m.graphs[0] = { ...m.graphs[0], externalData: [{ ...m.graphs[0], file }] })),
      ).toThrow(/graphs\[0\]\.externalData\[0\]\.file: /);
    },
  );
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';
import * as z from 'zod/mini';

import {
  cameraCredit,
  clientMessages,
  closeCodes,
  codecNumbers,
  maxCameraSide,
  maxControlBytes,
  maxMediaBytes,
  mediaFlags,
  mediaHeaderBytes,
  mediaHeaderLayout,
  protocolVersion,
  serverMessages,
  socketPath,
  trackNumbers,
} from '../../dist/server/protocol.js';
import { root } from '../support/media.js';

const page = readFileSync(join(root, 'src/server/PROTOCOL.md'), 'utf8');

/** What stands under a heading, up to the next one of the same or a higher level. */
function section(heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0;
  const [, rest] = page.split(`\n${heading}\n`);
  expect(rest, `the page has the heading "${heading}"`).toBeDefined();
  return rest?.split(new RegExp(`\n#{1,${level}} `))[0] ?? '';
}

/** The rows of a table under a heading, without its head, as cells of plain text. */
function rows(heading: string): string[][] {
  const lines = section(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .replaceAll('\\|', '¦')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('¦', '|')),
  );
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** A type as the page writes it. */
function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) {
    return schema.enum.join(' | ');
  }
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map(typeText).join(' | ');
  }
  if (schema.type === 'array' && schema.items !== undefined) {
    return schema.items.enum === undefined ? `${typeText(schema.items)}[]` : `(${typeText(schema.items)})[]`;
  }
  if (schema.properties !== undefined) {
    return `{${Object.keys(schema.properties).join(', ')}}`;
  }
  return [schema.type ?? ''].flat().join(' | ');
}

/** The fields of a message as the page writes them: objects that are always there are taken apart. */
function fields(schema: JsonSchema, prefix = ''): [string, string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string, string][] => {
    if (field.const !== undefined) {
      return [];
    }
    const isPercentiles = Object.keys(field.properties ?? {}).join() === 'p50,p95';
    if (field.properties !== undefined && !isPercentiles) {
      return fields(field, `${prefix}${name}.`);
    }
    return [[`${prefix}${name}`, `${typeText(field)}${schema.required?.includes(name) === true ? '' : '?'}`]];
  });
}

const messages = [
  { side: 'page', schemas: clientMessages },
  { side: 'server', schemas: serverMessages },
].flatMap(({ side, schemas }) =>
  Object.entries<z.ZodMiniType>(schemas).map(([type, schema]) => ({ side, type, schema })),
);

/** The part of the page on what one side sends, with its headings. */
function messagesOf(side: string): string {
  return section(`## From the ${side}`);
}

test.each(messages)('$type from the $side: its table has the fields of its schema', ({ side, type, schema }) => {
  const part = messagesOf(side).split(`\n### ${type}\n`)[1]?.split('\n### ')[0];
  expect(part, `the page tells of ${type}`).toBeDefined();
  const told = (part ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.replaceAll('\\|', '¦').split('|').slice(1, 3))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('¦', '|')));
  expect(told).toEqual(fields(z.toJSONSchema(schema) as JsonSchema));
});

test.each(['page', 'server'])('the page tells of no message from the %s that there is not', (side) => {
  const told = [...messagesOf(side).matchAll(/^### (.+)$/gm)].map(([, type]) => type);
  expect(told).toEqual(messages.filter((message) => message.side === side).map(({ type }) => type));
});

test('the header has the fields, numbers and bits that the page tells of', () => {
  const told = rows('## Pictures: the header');
  const layout = Object.entries(mediaHeaderLayout);
  expect(told.map(([offset, type, name]) => [name, { offset: Number(offset), type }])).toEqual(layout);
  const meaning = (field: string) => told.find(([, , name]) => name === field)?.[3] ?? '';
  const numbers = (text: string): Record<string, number> =>
    Object.fromEntries([...text.matchAll(/(\d) = (\w+)/g)].map(([, number, name = '']) => [name, Number(number)]));
  expect(numbers(meaning('codec'))).toEqual(codecNumbers);
  expect(numbers(meaning('track'))).toEqual(trackNumbers);
  const bits = Object.entries(numbers(meaning('flags'))).map(([name, bit]) => [name, 2 ** bit]);
  expect(Object.fromEntries(bits)).toEqual(mediaFlags);
  expect(meaning('version')).toBe(String(protocolVersion));
  expect(page).toContain(`a header of ${mediaHeaderBytes} bytes`);
});

test('close codes, limits, path and version are those of the code', () => {
  expect(Object.fromEntries(rows('## Close codes').map(([code, name = '']) => [name, Number(code)]))).toEqual(
    closeCodes,
  );
  const limits = Object.fromEntries(rows('## Limits').map(([name = '', value]) => [name, Number(value)]));
  expect(limits).toEqual({ maxControlBytes, maxMediaBytes, cameraCredit, maxCameraSide });
  expect(page).toContain(`# The live protocol, version ${protocolVersion}`);
  expect(page).toContain(`WebSocket at \`${socketPath}\``);
});

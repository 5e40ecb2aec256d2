import * as z from 'zod/mini';

import { MalformedMessageError } from './media.js';

/** Reads JSON text that is to be as `schema` says. Throws {@link MalformedMessageError} naming the field at fault. */
export function parseMessage<Schema extends z.ZodMiniType>(schema: Schema, text: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedMessageError('A control message has to be JSON.');
  }
  const result = z.safeParse(schema, value);
  if (result.success) {
    return result.data;
  }
  const type = messageType(value);
  const field = result.error.issues[0]?.path.join('.') ?? '';
  if (type === undefined || field === 'type') {
    throw new MalformedMessageError('A control message has to be an object with a known "type".');
  }
  throw new MalformedMessageError(`"${field}" of the message "${type}" is missing, or isn't what it has to be.`);
}

function messageType(value: unknown): string | undefined {
  const isTyped = typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
  return isTyped ? (value.type as string).slice(0, 32) : undefined;
}

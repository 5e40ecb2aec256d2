import { Vid2VidError } from '../errors/errors.js';
import { closeCodes, MalformedMessageError, type ServerMessage } from './protocol.js';
import { hidePlaces } from './secrets.js';

/** A request that can't be granted: its page is told why, and nothing else happens. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly remedy?: string,
  ) {
    super(message);
  }
}

/** A message that is not allowed: its page is told why, and its socket is closed. */
export class ProtocolViolation extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly closeCode: number = closeCodes.policy,
  ) {
    super(message);
  }
}

/** What is said to a page before its socket is closed because of `error`; undefined for what is no fault of the page. */
export function violationOf(error: unknown): ProtocolViolation | undefined {
  if (error instanceof MalformedMessageError) {
    return new ProtocolViolation('malformed', error.message);
  }
  return error instanceof ProtocolViolation ? error : undefined;
}

/** The answer to a request that failed because of `error`; undefined for what nobody foresaw. */
export function refusalOf(request: string, error: unknown): Extract<ServerMessage, { type: 'refused' }> | undefined {
  if (error instanceof Refusal || error instanceof Vid2VidError) {
    const { code, message, remedy } = error;
    const advice = remedy === undefined ? {} : { remedy: hidePlaces(remedy) };
    return { type: 'refused', request, code, message: hidePlaces(message), ...advice };
  }
  return undefined;
}

import { paint } from './text.js';

/** A line of the server's log, as far as it is shown. */
interface Entry {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly [detail: string]: unknown;
}

/** The levels that are told apart by colour, as pino numbers them. */
const warning = 40;
const failure = 50;

/**
 * How the server's log is shown: as JSON lines for programs, and where `stream` is a terminal in short lines for people.
 */
export function serverLog(stream: NodeJS.WriteStream, json: true | undefined): (line: string) => void {
  return stream.isTTY && !json
    ? (line) => stream.write(`${shortLine(JSON.parse(line) as Entry, stream)}\n`)
    : (line) => stream.write(line);
}

function shortLine({ level, time, msg, ...details }: Entry, stream: NodeJS.WriteStream): string {
  const clock = new Date(time).toTimeString().slice(0, 8);
  const told = Object.entries(details).map(([name, value]) => `${name}=${shown(value)}`);
  const text = level >= failure ? paint('red', msg, stream) : level >= warning ? paint('yellow', msg, stream) : msg;
  return [paint('dim', clock, stream), text, paint('dim', told.join(' '), stream)].join(' ').trimEnd();
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'stack' in value) {
    return String(value.stack);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

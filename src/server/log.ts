import { pino, type Logger } from 'pino';

/** The server's log. */
export type Log = Logger;

/**
 * How much is logged, from nothing to every report of every page.
 *
 * @group Live
 */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** All of them, the quietest first. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const satisfies readonly LogLevel[];

/**
 * Makes the server's log: one JSON object a line.
 *
 * Nothing that is secret may be given to it: no addresses with what follows their question mark, no headers. What is
 * named like a secret is struck out all the same.
 */
export function createLog(level: LogLevel, write: (line: string) => void): Log {
  const redact = ['token', '*.token', 'authorization', '*.authorization', 'cookie', '*.cookie'];
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact }, { write });
}

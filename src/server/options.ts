import { z } from 'zod';

import { defaultEffect } from '../catalogue/find-model.js';
import { UsageError } from '../errors/errors.js';
import { deviceNames } from '../generator/execution-providers.js';
import type { LiveTranslationOptions } from '../live/types.js';
import { logLevels, type LogLevel } from './log.js';

/** What a server hands on to its translations as it is. */
type HandedOn = Pick<
  LiveTranslationOptions,
  'effect' | 'model' | 'strength' | 'size' | 'device' | 'ffmpeg' | 'overwrite' | 'signal'
>;

/**
 * Options of {@link serve}. What is left out has the default named here. Effect, model and strength are what streams begin
 * with.
 *
 * @group Live
 */
export interface ServeOptions extends HandedOn {
  /**
   * What is translated for all viewers: `'camera'`, `'camera:NAME'` or `'/dev/video0'`, a file, or a URL. Default: nothing;
   * viewers bring their own camera.
   */
  readonly source?: string | undefined;
  /** Whether a file begins again at its end. Default false. */
  readonly loop?: boolean | undefined;
  /** As {@link LiveTranslationOptions.frameRate}. */
  readonly fps?: LiveTranslationOptions['frameRate'];
  /** As {@link LiveTranslationOptions.outputs}. Default: nowhere. */
  readonly output?: LiveTranslationOptions['outputs'];
  /** Port to listen on; 0 takes a free one. Default 8080. */
  readonly port?: number | undefined;
  /** Address or name to listen on. Default `'127.0.0.1'`, which only this machine can reach. */
  readonly host?: string | undefined;
  /** What viewers have to know; at least 8 characters. Needed where other machines can reach the server. */
  readonly token?: string | undefined;
  /** Whether other machines may reach the server without a token. Default false. */
  readonly insecure?: boolean | undefined;
  /** Origins of other pages that may connect (`https://example.org`). Default: only the server's own page. */
  readonly allowOrigin?: readonly string[] | undefined;
  /** Path of a certificate (PEM): https instead of http. Wants {@link ServeOptions.tlsKey}. */
  readonly tlsCert?: string | undefined;
  /** Path of the certificate's key (PEM). */
  readonly tlsKey?: string | undefined;
  /** Viewers at a time. Default 100. */
  readonly maxViewers?: number | undefined;
  /** Viewers' cameras that are translated at a time; 0 for none. Default 4. */
  readonly maxCameras?: number | undefined;
  /** Whether viewers may not change the effect of the server's own stream. Default false. */
  readonly lockEffect?: boolean | undefined;
  /** How much is logged. Default `'info'`. */
  readonly logLevel?: LogLevel | undefined;
  /** Given each line of the log, a JSON object. Default: nobody. */
  readonly onLog?: ((line: string) => void) | undefined;
}

const text = z.string().min(1);

/** What each option may be, and its default. */
const serveOptionsSchema = z
  .strictObject({
    source: text.optional(),
    loop: z.boolean().default(false),
    effect: text.default(defaultEffect),
    model: text.optional(),
    strength: z.number().min(0).max(1).default(1),
    size: z
      .string()
      .regex(/^(source|\d{1,5}x\d{1,5}|\d{2,5}p)$/, 'a size is WIDTHxHEIGHT (1280x720), a height (720p) or "source"')
      .optional(),
    device: z.enum(deviceNames).default('auto'),
    fps: z.number().positive().max(240).optional(),
    ffmpeg: text.optional(),
    output: z.array(text).default([]),
    overwrite: z.boolean().default(false),
    port: z.int().min(0).max(65535).default(8080),
    host: text.default('127.0.0.1'),
    token: z
      .string()
      .regex(/^[\x21-\x7e]*$/, 'a token has letters, digits and signs, and no spaces')
      .min(8, 'a token has at least 8 characters')
      .max(256)
      .optional(),
    insecure: z.boolean().default(false),
    allowOrigin: z
      .array(
        z
          .string()
          .refine(
            (value) => URL.canParse(value) && new URL(value).origin === value,
            'an origin is like https://example.org, with no path behind it',
          ),
      )
      .default([]),
    tlsCert: text.optional(),
    tlsKey: text.optional(),
    maxViewers: z.int().min(1).max(10_000).default(100),
    maxCameras: z.int().min(0).max(1000).default(4),
    lockEffect: z.boolean().default(false),
    logLevel: z.enum(logLevels).default('info'),
  })
  .refine(({ source, output }) => source !== undefined || output.length === 0, {
    path: ['output'],
    message: 'without a source there is nothing to write',
  })
  .refine(({ tlsCert, tlsKey }) => (tlsCert === undefined) === (tlsKey === undefined), {
    path: ['tlsKey'],
    message: 'a certificate and its key are given together (tlsCert, tlsKey)',
  });

/** Options with every default filled in. */
export type ResolvedServeOptions = z.output<typeof serveOptionsSchema>;

/** Checks the options of a server and fills in the defaults. Throws {@link UsageError} naming the option. */
export function resolveServeOptions(options: object): ResolvedServeOptions {
  const result = serveOptionsSchema.safeParse(options);
  if (!result.success) {
    const [issue] = result.error.issues;
    // The option alone: what is wrong inside a list is said by the message.
    throw new UsageError(`options.${String(issue?.path[0] ?? '')}: ${issue?.message ?? 'not understood'}.`);
  }
  return result.data;
}

import type { Command } from 'commander';

import type { PullOptions } from '../../index.js';
import { askForConsent } from './ask-for-consent.js';
import { addCompileSettings } from './compile-settings.js';
import { runModelWork, type ModelWorkFlags } from './model-work.js';

const details = `
What happens: the checkpoint and its base (SD-Turbo) are fetched, checked, and compiled into one ONNX package. Stop it whenever
you like; the next time it goes on where it stopped. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured, and so is HF_TOKEN.

Examples:
  vid2vid-turbo models pull day-to-night-turbo
  vid2vid-turbo models pull day-to-night-turbo --precision fp16 --accept-licence     for a GPU, in a script
  vid2vid-turbo models pull edge-to-image-turbo --prompt "a city street in autumn"
  vid2vid-turbo models pull night-to-day-turbo --base-url https://mirror.example.org/`;

type Flags = Omit<PullOptions, 'signal' | 'onProgress' | 'onNotice' | 'acceptLicence'> &
  ModelWorkFlags & { readonly acceptLicence?: true };

/** Adds `models pull`: a published model, fetched and compiled. */
export function addPullCommand(models: Command): void {
  const command = models
    .command('pull')
    .description('fetch a published model and compile it for this machine')
    .argument('<model>', 'which one; "vid2vid-turbo models list" names them');
  addCompileSettings(command)
    .option('--prompt <text>', 'what the picture is to become (default: what the model was trained with)')
    .option('--base-url <url>', 'fetch everything from this mirror: https://, http:// or file://, paths as at the source')
    .option('--accept-licence', "accept the model's terms without being asked")
    .option('--keep-downloads', 'keep what was fetched, for other models of the same base')
    .option('--json', 'one JSON object a line: progress, notices, and the model or the error as the last')
    .option('-q, --quiet', 'errors only')
    .addHelpText('after', details)
    .action(async (id: string, { acceptLicence, json, quiet, ...options }: Flags) => {
      const mayAsk = !json && process.stdin.isTTY && process.stderr.isTTY;
      process.exitCode = await runModelWork({ json, quiet }, async (callbacks) => {
        const { pullModel } = await import('../../index.js');
        const model = await pullModel(id, {
          ...options,
          ...callbacks,
          acceptLicence: acceptLicence ?? (mayAsk ? (terms) => askForConsent(id, terms, callbacks.signal) : false),
        });
        return { result: { type: 'model', ...model }, text: `${model.id} is ready: vid2vid-turbo translate <video> --model ${model.id}` };
      });
    });
}

import { createInterface } from 'node:readline/promises';

import type { LicenceTerms } from '../../index.js';
import { paint } from '../text.js';

/** Shows a model's terms on the terminal and asks whether they are accepted. */
export async function askForConsent(
  id: string,
  terms: readonly LicenceTerms[],
  signal: AbortSignal,
): Promise<boolean> {
  const { stdin: input, stderr: output } = process;
  output.write(`${id} comes with terms:\n\n`);
  for (const { title, summary, url } of terms) {
    output.write(`  ${paint('bold', title, output)}\n  ${summary}\n  ${paint('cyan', url, output)}\n\n`);
  }
  const lines = createInterface({ input, output });
  // A terminal in line editing hands Ctrl-C to the editor: it is meant for whoever stops the work.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await lines.question('Do you accept them? [y/N] ', { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted) {
      output.write('\n');
      return false;
    }
    throw error;
  } finally {
    lines.close();
  }
}

import type { TestPage } from './test-page.js';

/**
 * Sends each message on a socket that is open, opening another whenever one was closed. Gives back how each was closed.
 *
 * @param open - Opens a socket; it is told how many messages were sent before.
 */
export async function attack(
  messages: readonly (string | Uint8Array)[],
  open: (sent: number) => Promise<TestPage>,
): Promise<{ readonly code: number; readonly reason: string }[]> {
  const ends: { readonly code: number; readonly reason: string }[] = [];
  let page: TestPage | undefined;
  for (const [sent, message] of messages.entries()) {
    page ??= await open(sent);
    page.socket.send(message);
    const outcome = await Promise.race([page.closed, page.settle()]);
    if (outcome !== undefined) {
      ends.push(outcome);
      page = undefined;
    }
  }
  page?.terminate();
  return ends;
}

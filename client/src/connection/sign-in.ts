/**
 * Where the server wants a token that this page hasn't got (any more), a socket just fails: loading the page again shows the
 * form to enter it. Does nothing where the server can't be reached or has nothing against the page.
 */
export async function reloadWhereUnauthorized(): Promise<void> {
  try {
    const { status } = await fetch(location.href, { method: 'HEAD', cache: 'no-store' });
    if (status === 401) {
      location.reload();
    }
  } catch {
    // No server there: the connection says so, and tries again.
  }
}

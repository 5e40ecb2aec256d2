/** An address in a text: scheme, name and password, host, and the rest, in which stream keys stand. */
const address = /\b([a-z][a-z0-9+.-]*):\/\/(?:[^\s/@"']*@)?([^\s/"'?#]*)[^\s"']*/gi;
/** A path between quotation marks, which may have spaces in it; no address. */
const quotedPath = /"(?![a-z][a-z0-9+.-]*:\/\/)[^"]*[\\/]([^"\\/]+)"/gi;
/** A path from the root, or a drive, with at least one folder in it. */
const barePath = /(?<![\w/\\.~-])(?:[a-z]:)?(?:[\\/][^\s"'\\/:]+)+[\\/]([^\s"'\\/:]+)/gi;

/** A text as the operator may see it in a log: of the addresses in it, only scheme and host are left. */
export function hideAddresses(text: string): string {
  return text.replace(address, '$1://$2');
}

/** A text as viewers may see it: of paths, too, only the last name is left. */
export function hidePlaces(text: string): string {
  return hideAddresses(text).replace(quotedPath, '"$1"').replace(barePath, '$1');
}

/** An address in a text: scheme, name and password, host, and the rest, in which stream keys stand. */
const address = /\b([a-z][a-z0-9+.-]*):\/\/(?:[^\s/@"']*@)?([^\s/"'?#]*)[^\s"']*/gi;

/** A text as others may see it: of the addresses in it, only scheme and host are left. */
export function hideAddresses(text: string): string {
  return text.replace(address, '$1://$2');
}

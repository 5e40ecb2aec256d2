/** The element of the page with this id, which index.html has. */
export function element<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {
    throw new Error(`The page has no ${type.name} "${id}".`);
  }
  return found;
}

/** Shows another icon in a button. */
export function setIcon(button: HTMLElement, icon: string): void {
  button.querySelector('use')?.setAttribute('href', `#icon-${icon}`);
}

/** Changes a text only where it is another one: a screen reader tells each change of some. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

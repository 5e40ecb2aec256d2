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

/** An icon of the page's, for who sees it. */
export function createIcon(icon: string): SVGSVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const picture = document.createElementNS(namespace, 'svg');
  const use = document.createElementNS(namespace, 'use');
  use.setAttribute('href', `#icon-${icon}`);
  picture.ariaHidden = 'true';
  picture.append(use);
  return picture;
}

/** Changes a text only where it is another one: a screen reader tells each change of some. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

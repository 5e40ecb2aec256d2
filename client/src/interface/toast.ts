import { element } from '../dom.js';

/** Milliseconds that a text stays, with some for each of its letters. */
const stay = 2600;
const stayPerLetter = 45;

/** Shows a text for a while; screen readers tell it. */
export function makeToast(): (text: string) => void {
  const toast = element('toast', HTMLElement);
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (text) => {
    clearTimeout(timer);
    toast.textContent = text;
    toast.toggleAttribute('data-shown', true);
    timer = setTimeout(() => toast.removeAttribute('data-shown'), stay + text.length * stayPerLetter);
  };
}

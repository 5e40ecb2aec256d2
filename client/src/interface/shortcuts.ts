import { createIcon, element } from '../dom.js';

/** A key and what it does. */
export interface Shortcut {
  /** As `KeyboardEvent.key` gives it, in lower case; the first is the one that is shown. */
  readonly keys: readonly string[];
  /** How the keys are shown, where that isn't the first of them. */
  readonly shown?: readonly string[];
  /** Icon of the button that does the same, shown instead where there are no keys. */
  readonly icon?: string;
  readonly does: string;
  readonly run: (key: string) => void;
}

/** Where it is kept whether the keys are on. */
const storageKey = 'vid2vid-turbo-shortcuts';

/** Listens to the keys, lists them in the help, and lets them be switched off (WCAG 2.1.4). */
export function listenToKeys(shortcuts: readonly Shortcut[]): void {
  const help = element('help', HTMLDialogElement);
  const enabled = element('shortcuts-enabled', HTMLInputElement);
  element('help-keys', HTMLElement).replaceChildren(...shortcuts.flatMap(describe));
  element('help-button', HTMLButtonElement).addEventListener('click', () => help.showModal());
  help.addEventListener('click', ({ target }) => target === help && help.close());

  enabled.checked = localStorage.getItem(storageKey) !== 'off';
  enabled.addEventListener('change', () => localStorage.setItem(storageKey, enabled.checked ? 'on' : 'off'));

  addEventListener('keydown', (event) => {
    const isModified = event.ctrlKey || event.metaKey || event.altKey;
    if (event.defaultPrevented || isModified || !enabled.checked || help.open || belongsToControl(event)) {
      return;
    }
    const key = event.key.toLowerCase();
    const shortcut = shortcuts.find(({ keys }) => keys.includes(key));
    if (shortcut !== undefined) {
      event.preventDefault();
      shortcut.run(key);
    }
  });
}

/** Whether the control that has the focus does something of its own with this key. */
function belongsToControl({ target, key }: KeyboardEvent): boolean {
  if (target instanceof HTMLSelectElement) {
    return true;
  }
  if (target instanceof HTMLInputElement) {
    return key === ' ' || key.startsWith('Arrow');
  }
  return target instanceof HTMLButtonElement && (key === ' ' || key === 'Enter');
}

/** A key and what it does; where there are no keys, the button that does it (the styles choose). */
function describe({ keys, shown = keys.slice(0, 1), icon, does }: Shortcut): HTMLElement[] {
  const term = document.createElement('dt');
  const description = document.createElement('dd');
  term.append(
    ...shown.map((text) => {
      const key = document.createElement('kbd');
      key.textContent = text.length === 1 ? text.toUpperCase() : text;
      return key;
    }),
    ...(icon === undefined ? [] : [createIcon(icon)]),
  );
  description.textContent = does;
  return [term, description];
}

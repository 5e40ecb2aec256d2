import type { Store } from '../store.js';
import type { ViewerState } from '../viewer-state.js';

/** Milliseconds without a sign of life after which the controls fade. */
const patience = 3000;

/** Lets the controls fade while nobody uses them, and brings them back at the first sign by mouse, touch or keyboard. */
export function fadeWhenIdle(store: Store<ViewerState>): void {
  const page = document.documentElement;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const wake = () => {
    page.removeAttribute('data-idle');
    clearTimeout(timer);
    timer = setTimeout(rest, patience);
  };
  const rest = () => {
    if (isInUse() || !isPlaying(store.state)) {
      wake();
    } else {
      page.toggleAttribute('data-idle', true);
    }
  };
  for (const sign of ['pointermove', 'pointerdown', 'keydown', 'focusin', 'wheel']) {
    addEventListener(sign, wake, { passive: true, capture: true });
  }
  store.subscribe((state) => !isPlaying(state) && wake());
  wake();
}

function isPlaying({ connection, size, isPaused, status }: ViewerState): boolean {
  return connection.kind === 'open' && size !== undefined && !isPaused && status?.state === 'live';
}

/** Whether somebody points at a control, has come to one by keyboard, or reads a dialog. */
function isInUse(): boolean {
  return document.querySelector('[data-chrome]:hover, [data-chrome] :focus-visible, dialog[open]') !== null;
}

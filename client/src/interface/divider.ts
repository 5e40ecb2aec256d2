import { element } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import type { ViewerState } from '../viewer-state.js';

/** What an arrow key, and one of the keys for more, moves the divider by. */
const step = 0.02;
const leap = 0.1;

/** The divider between the original and the translation: dragged, or moved by the keys of any slider. */
export function showDivider(store: Store<ViewerState>, viewer: Viewer): void {
  const picture = element('picture', HTMLElement);
  const divider = element('divider', HTMLElement);

  const moveTo = (clientX: number) => {
    const { left, width } = picture.getBoundingClientRect();
    viewer.setDivider((clientX - left) / width);
  };
  divider.addEventListener('pointerdown', (event) => {
    if (event.button === 0) {
      divider.setPointerCapture(event.pointerId);
      event.preventDefault();
      divider.focus({ preventScroll: true });
    }
  });
  divider.addEventListener('pointermove', ({ pointerId, clientX }) => {
    if (divider.hasPointerCapture(pointerId)) {
      moveTo(clientX);
    }
  });
  divider.addEventListener('keydown', (event) => {
    const moved = movedBy(event.key, store.state.divider ?? 0);
    if (moved !== undefined) {
      viewer.setDivider(moved);
      event.preventDefault();
    }
  });

  store.subscribe(({ divider: at, size }) => {
    divider.hidden = at === undefined || size === undefined;
    if (at !== undefined) {
      const percent = Math.round(at * 100);
      picture.style.setProperty('--divider', String(at));
      divider.ariaValueNow = String(percent);
      divider.ariaValueText = `${percent} % original`;
    }
  });
}

/** Where a key moves the divider to; undefined for keys that don't. */
function movedBy(key: string, at: number): number | undefined {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return at - step;
    case 'ArrowRight':
    case 'ArrowUp':
      return at + step;
    case 'PageDown':
      return at - leap;
    case 'PageUp':
      return at + leap;
    case 'Home':
      return 0;
    case 'End':
      return 1;
    default:
      return undefined;
  }
}

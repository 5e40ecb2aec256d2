import { element } from '../dom.js';
import type { Store } from '../store.js';
import { effectTitle, type ViewerState } from '../viewer-state.js';

/** Gives the picture its shape and its name; the player draws it. */
export function showPicture(store: Store<ViewerState>): void {
  const picture = element('picture', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  store.subscribe((state) => {
    const { size, effect, playerStatistics, decoder } = state;
    picture.toggleAttribute('data-playing', size !== undefined);
    picture.dataset.shown = String(playerStatistics?.shown ?? 0);
    picture.dataset.decoder = decoder ?? '';
    if (size !== undefined) {
      picture.style.setProperty('--ratio', String(size.width / size.height));
    }
    canvas.ariaLabel = effect === undefined ? 'Live picture' : `Live picture: ${effectTitle(state, effect)}`;
  });
}

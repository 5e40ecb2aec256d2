import { cleanAddress, readAddress } from './address.js';
import { element } from './dom.js';
import { showButtons } from './interface/buttons.js';
import { showDivider } from './interface/divider.js';
import { showEffects } from './interface/effects.js';
import { toggleFullScreen } from './interface/full-screen.js';
import { fadeWhenIdle } from './interface/idle.js';
import { showNotices } from './interface/notice.js';
import { showPicture } from './interface/picture.js';
import { PictureInPicture } from './interface/picture-in-picture.js';
import { listenToKeys } from './interface/shortcuts.js';
import { showSources } from './interface/sources.js';
import { showStatistics } from './interface/statistics.js';
import { makeToast } from './interface/toast.js';
import { viewerShortcuts } from './interface/viewer-shortcuts.js';
import { Store } from './store.js';
import { Viewer } from './viewer.js';
import { initialState, type ViewerState } from './viewer-state.js';

const { isClean, room } = readAddress(location);
const canvas = element('canvas', HTMLCanvasElement);
const store = new Store<ViewerState>(initialState);
const notify = makeToast();
const viewer = new Viewer({ canvas, store, room, notify });

showPicture(store);
if (isClean) {
  document.documentElement.toggleAttribute('data-clean', true);
} else {
  const pictureInPicture = new PictureInPicture(canvas);
  const buttons = showButtons(store, viewer, pictureInPicture);
  showNotices(store, viewer, room);
  showEffects(store, viewer, notify);
  showSources(store, viewer, room);
  showDivider(store, viewer);
  showStatistics(store, room);
  listenToKeys(viewerShortcuts(store, viewer, buttons));
  fadeWhenIdle(store);
  element('clean-address', HTMLElement).textContent = cleanAddress(location);
  canvas.addEventListener('dblclick', () => void toggleFullScreen());
}
void viewer.start();

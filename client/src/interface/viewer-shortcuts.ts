import { element } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import { showsOwnCamera, type ViewerState } from '../viewer-state.js';
import type { ButtonActions } from './buttons.js';
import { toggleFullScreen } from './full-screen.js';
import type { Shortcut } from './shortcuts.js';

/** What an arrow key changes the strength, and moves the divider, by. */
const strengthStep = 0.05;
const dividerStep = 0.02;

/** The keys of the viewer. */
export function viewerShortcuts(
  store: Store<ViewerState>,
  viewer: Viewer,
  buttons: ButtonActions,
): readonly Shortcut[] {
  const chooseEffect = (key: string) => {
    const effect = store.state.welcome?.effects[Number(key) - 1];
    if (effect !== undefined) {
      viewer.effect.set(effect.id);
    }
  };
  const moveDivider = (key: string) => {
    const { divider } = store.state;
    if (divider !== undefined) {
      viewer.setDivider(divider + (key === 'arrowleft' ? -dividerStep : dividerStep));
    }
  };
  const changeStrength = (key: string) => {
    viewer.effect.setStrength(store.state.strength + (key === 'arrowdown' ? -strengthStep : strengthStep));
  };
  const toggleCamera = () => (showsOwnCamera(store.state) ? viewer.camera.stop() : void viewer.camera.start());
  return [
    { keys: [' ', 'k'], shown: ['Space'], icon: 'pause', does: 'Play or pause', run: () => viewer.togglePlay() },
    { keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'], shown: ['1', '…', '9'], does: 'Effect', run: chooseEffect },
    { keys: ['arrowup', 'arrowdown'], shown: ['↑', '↓'], does: 'Strength', run: changeStrength },
    { keys: ['d'], icon: 'compare', does: 'Compare with the original', run: buttons.toggleDivider },
    { keys: ['arrowleft', 'arrowright'], shown: ['←', '→'], does: 'Move the divider', run: moveDivider },
    { keys: ['c'], does: 'My camera or the stream', run: toggleCamera },
    { keys: ['m'], icon: 'mirror', does: 'Mirror my camera', run: () => viewer.toggleMirror() },
    { keys: ['s'], icon: 'snapshot', does: 'Save a snapshot', run: () => viewer.takeSnapshot() },
    { keys: ['r'], icon: 'record', does: 'Record, or stop', run: buttons.toggleRecording },
    { keys: ['p'], icon: 'pip', does: 'Picture in picture', run: buttons.togglePictureInPicture },
    { keys: ['f'], icon: 'fullscreen', does: 'Full screen', run: () => void toggleFullScreen() },
    { keys: ['i'], icon: 'statistics', does: 'Statistics', run: () => viewer.toggleOverlay() },
    { keys: ['?'], does: 'This help', run: () => element('help', HTMLDialogElement).showModal() },
  ];
}

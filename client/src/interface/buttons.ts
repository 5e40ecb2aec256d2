import { element, setIcon, setText } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import type { ViewerState } from '../viewer-state.js';
import type { PictureInPicture } from './picture-in-picture.js';
import { canGoFullScreen, isFullScreen, toggleFullScreen } from './full-screen.js';

/** Where a divider begins that was never moved. */
const middle = 0.5;

/** What the buttons do; the keys do the same. */
export interface ButtonActions {
  readonly toggleDivider: () => void;
  readonly toggleRecording: () => void;
  readonly togglePictureInPicture: () => void;
}

/** The buttons for the picture. */
export function showButtons(store: Store<ViewerState>, viewer: Viewer, window: PictureInPicture): ButtonActions {
  const play = element('play-button', HTMLButtonElement);
  const compare = element('compare-button', HTMLButtonElement);
  const snapshot = element('snapshot-button', HTMLButtonElement);
  const record = element('record-button', HTMLButtonElement);
  const pip = element('pip-button', HTMLButtonElement);
  const fullScreen = element('fullscreen-button', HTMLButtonElement);
  const statistics = element('statistics-button', HTMLButtonElement);
  const recordTime = element('record-time', HTMLElement);
  let dividerBefore = middle;

  const actions: ButtonActions = {
    toggleDivider: () => viewer.setDivider(store.state.divider === undefined ? dividerBefore : undefined),
    toggleRecording: () => void viewer.recording.toggle(),
    togglePictureInPicture: () => void window.toggle(),
  };
  play.addEventListener('click', () => viewer.togglePlay());
  compare.addEventListener('click', actions.toggleDivider);
  snapshot.addEventListener('click', () => viewer.takeSnapshot());
  record.addEventListener('click', actions.toggleRecording);
  pip.addEventListener('click', actions.togglePictureInPicture);
  fullScreen.addEventListener('click', () => void toggleFullScreen());
  statistics.addEventListener('click', () => viewer.toggleOverlay());

  pip.hidden = !window.isSupported;
  fullScreen.hidden = !canGoFullScreen();
  document.addEventListener('fullscreenchange', () => (fullScreen.ariaPressed = String(isFullScreen())));
  window.onChange = (isOpen) => (pip.ariaPressed = String(isOpen));

  const showRecordTime = ({ recordingSince }: ViewerState) => {
    recordTime.hidden = recordingSince === undefined;
    setText(recordTime, recordingSince === undefined ? '' : clock(Date.now() - recordingSince));
  };
  setInterval(() => showRecordTime(store.state), 500);

  store.subscribe((state) => {
    const { isPaused, divider, recordingSince, isOverlayShown, size } = state;
    dividerBefore = divider ?? dividerBefore;
    setIcon(play, isPaused ? 'play' : 'pause');
    play.ariaLabel = isPaused ? 'Play' : 'Pause';
    play.title = `${play.ariaLabel} (Space)`;
    compare.ariaPressed = String(divider !== undefined);
    const isRecording = recordingSince !== undefined;
    setIcon(record, isRecording ? 'stop' : 'record');
    record.ariaPressed = String(isRecording);
    showRecordTime(state);
    statistics.ariaPressed = String(isOverlayShown);
    for (const button of [compare, snapshot, pip]) {
      button.disabled = size === undefined;
    }
    play.disabled = size === undefined && !isPaused;
    record.disabled = size === undefined && !isRecording;
  });
  return actions;
}

/** Minutes and seconds: `1:05`. */
function clock(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

import { element, setText } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import type { ViewerState } from '../viewer-state.js';
import { noticeText, type NoticeText } from './notice-text.js';
import { statusText } from './status-text.js';

/** The card in the middle of the stage, and the line that says how things are. */
export function showNotices(store: Store<ViewerState>, viewer: Viewer, room: string | undefined): void {
  const stage = element('stage', HTMLElement);
  const card = element('notice', HTMLElement);
  const spinner = element('notice-spinner', HTMLElement);
  const button = element('notice-button', HTMLButtonElement);
  const dismissal = element('notice-dismissal', HTMLButtonElement);
  const status = element('status', HTMLElement);
  let action: NoticeText['action'];

  button.addEventListener('click', () => {
    if (action?.does === 'camera') {
      void viewer.camera.start();
    } else if (action?.does === 'retry') {
      viewer.retry();
    } else {
      location.reload();
    }
  });

  dismissal.addEventListener('click', () => viewer.camera.stop());

  store.subscribe((state) => {
    const notice = noticeText(state, room);
    const line = statusText(state, room);
    action = notice?.action;
    status.dataset.tone = line.tone;
    setText(element('status-text', HTMLElement), line.text);
    card.hidden = notice === undefined;
    card.dataset.kind = notice?.kind ?? '';
    spinner.hidden = notice?.kind !== 'busy';
    button.hidden = action === undefined;
    dismissal.hidden = notice?.dismissal === undefined;
    stage.toggleAttribute('data-dimmed', notice !== undefined && state.size !== undefined);
    if (notice !== undefined) {
      setText(element('notice-title', HTMLElement), notice.title);
      setText(element('notice-message', HTMLElement), notice.message);
      setText(element('notice-remedy', HTMLElement), notice.remedy);
      setText(button, action?.label ?? '');
      setText(dismissal, notice.dismissal ?? '');
    }
  });
}

import { cameraObstacle } from '../camera/problems.js';
import { effectTitle, waitsForCamera, type ViewerState } from '../viewer-state.js';

/** What the card in the middle of the stage says. */
export interface NoticeText {
  readonly kind: 'busy' | 'invitation' | 'problem';
  readonly title: string;
  readonly message: string;
  readonly remedy: string;
  readonly action: { readonly label: string; readonly does: 'retry' | 'camera' | 'reload' } | undefined;
  /** What the button that does without the camera says, where there is something to see without it. */
  readonly dismissal?: string;
}

const quiet = { message: '', remedy: '', action: undefined } as const;
const startCamera = { label: 'Use my camera', does: 'camera' } as const;

/** The card, or undefined where the picture speaks for itself. */
export function noticeText(state: ViewerState, room: string | undefined): NoticeText | undefined {
  return connectionNotice(state) ?? cameraNotice(state, room) ?? sourceNotice(state, room);
}

function connectionNotice({ connection, welcome }: ViewerState): NoticeText | undefined {
  switch (connection.kind) {
    case 'open':
      return undefined;
    case 'connecting':
      return { ...quiet, kind: 'busy', title: welcome === undefined ? 'Connecting' : 'Connecting again' };
    case 'waiting':
      return {
        kind: 'problem',
        title: welcome === undefined ? 'The server can’t be reached' : 'Connection lost',
        message: connection.reason === '' ? 'This page tries again by itself.' : connection.reason,
        remedy: '',
        action: { label: 'Try now', does: 'retry' },
      };
    case 'refused':
      return {
        kind: 'problem',
        title: 'The server closed the connection',
        message: connection.reason,
        remedy: connection.remedy ?? '',
        action: { label: 'Load the page again', does: 'reload' },
      };
  }
}

function cameraNotice({ camera, welcome }: ViewerState, room: string | undefined): NoticeText | undefined {
  if (camera.kind === 'asking') {
    return {
      ...quiet,
      kind: 'busy',
      title: 'Waiting for the camera',
      message: 'Your browser asks whether this page may use it.',
    };
  }
  if (camera.kind === 'problem') {
    const notice: NoticeText = { ...camera.problem, kind: 'problem', action: { ...startCamera, label: 'Try again' } };
    return welcome?.source === null && room === undefined ? notice : { ...notice, dismissal: 'Go on without it' };
  }
  return undefined;
}

function sourceNotice(state: ViewerState, room: string | undefined): NoticeText | undefined {
  const { status, size } = state;
  if (waitsForCamera(state, room)) {
    return invitation(state, room);
  }
  switch (status?.state) {
    case 'failed':
    case 'ended':
      return {
        kind: 'problem',
        title: status.state === 'ended' ? 'The stream has ended' : 'The stream has failed',
        message: status.message,
        remedy: status.remedy ?? '',
        action: undefined,
      };
    case 'reconnecting':
      return {
        ...quiet,
        kind: 'busy',
        title: 'The source is gone',
        message: status.message,
        remedy: status.remedy ?? '',
      };
    case 'starting':
      return { ...quiet, kind: 'busy', title: 'Starting', message: status.message, remedy: status.remedy ?? '' };
    case 'live':
    case undefined:
      return size === undefined ? { ...quiet, kind: 'busy', title: 'Waiting for the first picture' } : undefined;
  }
}

function invitation(state: ViewerState, room: string | undefined): NoticeText {
  const obstacle = cameraObstacle();
  const mayUseCamera = (state.welcome?.limits.cameras ?? 0) > 0;
  if (room !== undefined) {
    return {
      kind: 'invitation',
      title: `Nobody is in “${room}” yet`,
      message: 'Whoever turns on a camera here shows it, translated, to all who have this address.',
      remedy: '',
      action: obstacle === undefined && mayUseCamera ? { ...startCamera, label: 'Share my camera' } : undefined,
    };
  }
  if (obstacle !== undefined || !mayUseCamera) {
    const none = { title: 'There is nothing to see', message: 'This server takes no cameras.', remedy: '' };
    return { ...(obstacle ?? none), kind: 'problem', action: undefined };
  }
  const { effect } = state;
  const translated = effect === undefined ? 'translated' : `translated: ${effectTitle(state, effect).toLowerCase()}`;
  return {
    kind: 'invitation',
    title: 'See yourself in another light',
    message: `Your camera’s picture comes back ${translated}. Nobody but you sees it, and nothing of it is kept.`,
    remedy: '',
    action: startCamera,
  };
}

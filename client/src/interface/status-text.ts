import { showsOwnCamera, waitsForCamera, type ViewerState } from '../viewer-state.js';

/** What stands beside the name of the page. */
export interface StatusText {
  readonly tone: 'good' | 'busy' | 'bad' | 'quiet';
  readonly text: string;
}

/** How things are, in a word or two. */
export function statusText(state: ViewerState, room: string | undefined): StatusText {
  const { connection, status, isPaused, welcome, camera } = state;
  if (connection.kind !== 'open') {
    return connection.kind === 'connecting'
      ? { tone: 'busy', text: 'Connecting' }
      : { tone: 'bad', text: connection.kind === 'waiting' ? 'Reconnecting' : 'Disconnected' };
  }
  if (camera.kind === 'problem') {
    return { tone: 'bad', text: 'No camera' };
  }
  if (isPaused) {
    return { tone: 'quiet', text: 'Paused' };
  }
  const name = showsOwnCamera(state) ? 'My camera' : (room ?? welcome?.source?.title);
  switch (status?.state) {
    case 'live':
      return { tone: 'good', text: name === undefined ? 'Live' : `Live · ${name}` };
    case 'ended':
      return { tone: 'quiet', text: waitsForCamera(state, room) ? 'Ready' : 'Ended' };
    case 'failed':
      return { tone: 'bad', text: 'Failed' };
    case 'starting':
    case 'reconnecting':
      return { tone: 'busy', text: status.state === 'starting' ? 'Starting' : 'Source lost' };
    case undefined:
      return { tone: 'quiet', text: 'Connected' };
  }
}

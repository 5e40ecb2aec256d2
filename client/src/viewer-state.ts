import type { ServerMessage } from '../../src/server/protocol.js';
import type { CameraDevice } from './camera/camera.js';
import type { CameraProblem } from './camera/problems.js';
import type { ConnectionState } from './connection/connection.js';
import type { DecoderKind, PlayerStatistics } from './player/messages.js';

/** A message of the server of one type. */
export type Message<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>;

/** How the page's own camera is doing. */
export type CameraState =
  | { readonly kind: 'off' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'on'; readonly device: string | undefined; readonly devices: readonly CameraDevice[] }
  | { readonly kind: 'problem'; readonly problem: CameraProblem };

/** Everything that is shown. */
export interface ViewerState {
  readonly connection: ConnectionState;
  /** What the server said of itself; undefined before the first time. */
  readonly welcome: Message<'welcome'> | undefined;
  readonly status: Message<'status'> | undefined;
  readonly stream: Message<'stream'> | undefined;
  readonly serverStatistics: Message<'statistics'> | undefined;
  readonly playerStatistics: PlayerStatistics | undefined;
  readonly decoder: DecoderKind | undefined;
  /** The effect that is on, as the server confirmed. */
  readonly effect: string | undefined;
  /** The effect that was asked for and is being loaded. */
  readonly wantedEffect: string | undefined;
  readonly strength: number;
  readonly maySetEffect: boolean;
  readonly camera: CameraState;
  /** Whether the camera's picture is shown as in a mirror. */
  readonly isMirrored: boolean;
  readonly isPaused: boolean;
  /** Share of the width that shows the original, while the divider is there. */
  readonly divider: number | undefined;
  /** When the recording under way began. */
  readonly recordingSince: number | undefined;
  readonly isOverlayShown: boolean;
  /** Size of the picture; undefined before the first. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
}

/** What is shown before anything is known. */
export const initialState: ViewerState = {
  connection: { kind: 'connecting' },
  welcome: undefined,
  status: undefined,
  stream: undefined,
  serverStatistics: undefined,
  playerStatistics: undefined,
  decoder: undefined,
  effect: undefined,
  wantedEffect: undefined,
  strength: 1,
  maySetEffect: false,
  camera: { kind: 'off' },
  isMirrored: false,
  isPaused: false,
  divider: undefined,
  recordingSince: undefined,
  isOverlayShown: false,
  size: undefined,
};

/** Whether the page shows its own camera, or is about to. */
export function showsOwnCamera({ camera }: ViewerState): boolean {
  return camera.kind === 'on' || camera.kind === 'asking';
}

/** Whether there is nothing to see until somebody turns a camera on: this viewer, or whoever comes into the room. */
export function waitsForCamera(state: ViewerState, room: string | undefined): boolean {
  const { welcome, status } = state;
  return !showsOwnCamera(state) && (room === undefined ? welcome?.source === null : status?.state === 'ended');
}

/** What an effect is called. */
export function effectTitle({ welcome }: ViewerState, id: string): string {
  return welcome?.effects.find((effect) => effect.id === id)?.title ?? id;
}

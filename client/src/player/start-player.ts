import type { PlayerCommand, PlayerEvent } from './messages.js';
import { Player } from './player.js';

/** A player, wherever it runs. */
export interface PlayerHandle {
  /** Where it runs. */
  readonly place: 'worker' | 'page';
  /** Asks for something; buffers and pictures in it are handed over, not copied. */
  send(command: PlayerCommand): void;
}

/** Starts a player on a canvas: in a worker, so that nothing the page does holds up a picture, or here where it can't. */
export function startPlayer(canvas: HTMLCanvasElement, onEvent: (event: PlayerEvent) => void): PlayerHandle {
  if ('transferControlToOffscreen' in canvas && typeof OffscreenCanvas === 'function') {
    const worker = new Worker(new URL('./player.worker.ts', import.meta.url), { type: 'module', name: 'player' });
    worker.addEventListener('message', ({ data }: MessageEvent<PlayerEvent>) => onEvent(data));
    const surface = canvas.transferControlToOffscreen();
    worker.postMessage({ canvas: surface }, [surface]);
    return { place: 'worker', send: (command) => worker.postMessage(command, transferablesOf(command)) };
  }
  const player = new Player(canvas, onEvent);
  return { place: 'page', send: (command) => void player.handle(command) };
}

function transferablesOf(command: PlayerCommand): Transferable[] {
  switch (command.type) {
    case 'unit':
      return [command.unit.payload.buffer];
    case 'original':
      return [command.picture];
    default:
      return [];
  }
}

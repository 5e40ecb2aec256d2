import type { PlayerCommand, PlayerEvent } from './messages.js';
import { Player } from './player.js';

/** What the page sends first: the canvas to draw on. */
export interface PlayerStart {
  readonly canvas: OffscreenCanvas;
}

let player: Player | undefined;

const emit = (event: PlayerEvent) => self.postMessage(event);

self.addEventListener('message', ({ data }: MessageEvent<PlayerStart | PlayerCommand>) => {
  if ('canvas' in data) {
    player = new Player(data.canvas, emit);
  } else {
    void player?.handle(data);
  }
});

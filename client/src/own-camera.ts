import { Broadcast } from './camera/broadcast.js';
import { Camera, CameraError } from './camera/camera.js';
import { cameraProblem, type CameraProblem } from './camera/problems.js';
import type { Connection } from './connection/connection.js';
import type { PlayerHandle } from './player/start-player.js';
import type { Store } from './store.js';
import type { ViewerState } from './viewer-state.js';

const gone: CameraProblem = {
  title: 'The camera is gone',
  message: 'It was unplugged, or switched off by the browser or the system.',
  remedy: 'Plug it in or switch it on, then try again.',
};

/** The page's own camera: switched on and off, and on its way to the server while it is on. */
export class OwnCamera {
  readonly #store: Store<ViewerState>;
  readonly #connection: Connection;
  readonly #player: PlayerHandle;
  readonly #room: string | undefined;
  #camera: Camera | undefined;
  #broadcast: Broadcast | undefined;
  /** Counts the wishes, so that an answer to an old one is told from one to the last. */
  #wish = 0;

  constructor(store: Store<ViewerState>, connection: Connection, player: PlayerHandle, room: string | undefined) {
    this.#store = store;
    this.#connection = connection;
    this.#player = player;
    this.#room = room;
  }

  /** Switches it on, or over to another device. */
  async start(device?: string): Promise<void> {
    const wish = ++this.#wish;
    if (this.#camera === undefined) {
      this.#store.update({ camera: { kind: 'asking' } });
    }
    try {
      const camera = await Camera.open(device);
      if (wish !== this.#wish) {
        camera.close();
        return;
      }
      this.#release();
      this.#camera = camera;
      camera.track.addEventListener('ended', () => this.#camera === camera && this.fail(gone));
      this.#store.update({
        camera: { kind: 'on', device: camera.device, devices: await Camera.list() },
        isMirrored: camera.isFront,
      });
      this.begin();
    } catch (error) {
      if (wish === this.#wish) {
        this.fail(error instanceof CameraError ? error.problem : cameraProblem(error));
      }
    }
  }

  /** Sends its pictures, from the beginning of a stream: at first, and on each new connection. */
  begin(): void {
    this.#broadcast?.close();
    this.#broadcast = undefined;
    const { welcome, connection } = this.#store.state;
    const camera = this.#camera;
    if (camera === undefined || welcome === undefined || connection.kind !== 'open') {
      return;
    }
    const broadcast = new Broadcast(camera, {
      credit: welcome.limits.cameraCredit,
      onStart: (codec, width, height, frameRate) => {
        const room = this.#room === undefined ? {} : { room: this.#room };
        this.#connection.send({ type: 'camera-start', codec, width, height, frameRate, ...room });
      },
      send: (message) => this.#connection.sendMedia(message),
      hasRoom: () => this.#connection.hasRoom && !this.#store.state.isPaused,
      wantsOriginals: () => this.#store.state.divider !== undefined,
      onOriginal: (picture, timestampMicroseconds) => {
        this.#player.send({ type: 'original', picture, timestampMicroseconds });
      },
    });
    this.#broadcast = broadcast;
    broadcast.run().catch((error: unknown) => this.#broadcast === broadcast && this.fail(cameraProblem(error)));
  }

  /** Takes up to so many pictures more. */
  grant(frames: number): void {
    this.#broadcast?.grant(frames);
  }

  requestKey(): void {
    this.#broadcast?.requestKey();
  }

  /** Nothing is sent until {@link begin}; the camera stays on. */
  interrupt(): void {
    this.#broadcast?.close();
    this.#broadcast = undefined;
  }

  /** Switches it off, or says that it won't be switched on. */
  stop(): void {
    this.#wish += 1;
    if (this.#broadcast !== undefined) {
      this.#connection.send({ type: 'camera-stop' });
    }
    this.#release();
    this.#store.update({ camera: { kind: 'off' } });
  }

  /** It is off, and this is why. */
  fail(problem: CameraProblem): void {
    this.stop();
    this.#store.update({ camera: { kind: 'problem', problem } });
  }

  #release(): void {
    this.interrupt();
    this.#camera?.close();
    this.#camera = undefined;
  }
}

import type { LiveStatus } from '../live/types.js';
import type { Camera, Cameras, CameraStart } from './cameras.js';
import type { Channel } from './channel.js';
import type { Log } from './log.js';
import type { Viewer } from './viewer.js';

/** What the seat of a page's camera belongs to. */
export interface CameraSeatOptions {
  readonly cameras: Cameras;
  /** Effect that the first camera begins with. */
  readonly effect: string;
  /** The page, which is told of credit and of key pictures that are needed. */
  readonly viewer: Viewer;
  readonly log: Log;
  /** Told when a camera is there, or no longer. */
  onChange(): void;
}

/** The place of one page's camera: what is asked of it is done in order, since opening one takes a while. */
export class CameraSeat {
  readonly #options: CameraSeatOptions;
  #camera: Camera | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: CameraSeatOptions) {
    this.#options = options;
  }

  /** What becomes of the camera's pictures; undefined while there is none. */
  get channel(): Channel | undefined {
    return this.#camera?.channel;
  }

  /** Takes a picture; false when there is no camera that has a use for it. Throws what {@link Camera.take} throws. */
  take(message: Uint8Array<ArrayBuffer>): boolean {
    return this.#camera?.take(message) ?? false;
  }

  /**
   * Turns the camera on, instead of one that is, or off.
   *
   * @throws What {@link Cameras.start} throws.
   */
  turn(request: CameraStart | { readonly type: 'camera-stop' }): Promise<void> {
    const done = this.#work.then(() => this.#turn(request));
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** Turns it off for good; nothing of it is left when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    await this.#camera?.close();
  }

  async #turn(request: CameraStart | { readonly type: 'camera-stop' }): Promise<void> {
    const { cameras, log } = this.#options;
    const before = this.#camera;
    this.#camera = undefined;
    if (before !== undefined) {
      this.#options.onChange();
      await before.close();
      log.info({ camera: before.channel.name }, 'camera off');
    }
    if (request.type === 'camera-stop' || this.#closed) {
      return;
    }
    const effect = before?.channel.translation.effect ?? this.#options.effect;
    const camera = await cameras.start(request, this.#listener, effect);
    this.#camera = camera;
    log.info({ camera: camera.channel.name, width: request.width, height: request.height }, 'camera on');
    this.#options.onChange();
  }

  readonly #listener = {
    onCredit: (frames: number) => this.#options.viewer.send({ type: 'credit', frames }),
    onKeyFrameNeeded: () => this.#options.viewer.send({ type: 'key-request' }),
    onStatus: ({ state, message }: LiveStatus) => this.#options.log.debug({ state, reason: message }, 'camera'),
  };
}

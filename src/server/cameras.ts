import type { LiveStatus, LiveTranslationOptions } from '../live/types.js';
import { Channel, type OpenTranslation } from './channel.js';
import { ProtocolViolation, Refusal } from './faults.js';
import { decodeMediaMessage, type ClientMessage } from './protocol.js';

/** How a page describes its camera. */
export type CameraStart = Extract<ClientMessage, { type: 'camera-start' }>;

/** What the page of a camera is told. */
export interface CameraListener {
  onCredit(pictures: number): void;
  onKeyFrameNeeded(): void;
  onStatus(status: LiveStatus): void;
}

/** What all cameras have in common. */
export interface CamerasOptions {
  readonly open: OpenTranslation;
  /** How their pictures are translated. */
  readonly translation: Omit<LiveTranslationOptions, 'source' | 'onAccessUnit' | 'outputs' | 'signal'>;
  /** How many there may be at a time. */
  readonly maximum: number;
}

/** The cameras of the pages: each with a translation of its own, seen by nobody else unless it is shared by a name. */
export class Cameras {
  readonly #options: CamerasOptions;
  readonly #open = new Set<Camera>();
  readonly #rooms = new Map<string, Camera>();
  /** Those that are being opened: they count, and hold their rooms, already. */
  readonly #opening = new Set<CameraStart>();
  readonly #roomListeners = new Set<(room: string) => void>();
  #started = 0;

  constructor(options: CamerasOptions) {
    this.#options = options;
  }

  /** Those that are on. */
  get all(): ReadonlySet<Camera> {
    return this.#open;
  }

  /**
   * Turns a camera on. It is off again when it is closed.
   *
   * @throws {@link Refusal} when there are too many, or its room is taken; the translation's error when it can't start.
   */
  async start(start: CameraStart, listener: CameraListener, effect: string): Promise<Camera> {
    const { open, translation, maximum } = this.#options;
    if (this.#open.size + this.#opening.size >= maximum) {
      throw new Refusal('cameras-limit', `No more than ${maximum} cameras can be on at a time.`, 'Try again later.');
    }
    if (start.room !== undefined && this.#isTaken(start.room)) {
      throw new Refusal('room-taken', `The room "${start.room}" has a camera already.`, 'Choose another name.');
    }
    this.#opening.add(start);
    this.#started += 1;
    // What is granted before the camera is there is granted to it then.
    let early = 0;
    const relay = { credit: (pictures: number): void => void (early += pictures) };
    try {
      const channel = await Channel.open({
        name: `camera-${this.#started}`,
        open,
        onStatus: (status) => listener.onStatus(status),
        translation: {
          ...translation,
          effect,
          source: { kind: 'pushed', codec: start.codec, width: start.width, height: start.height },
          frameRate: start.frameRate,
          onCredit: (pictures) => relay.credit(pictures),
          onKeyFrameNeeded: () => listener.onKeyFrameNeeded(),
        },
      });
      const camera = new Camera(start, channel, listener, () => this.#closed(camera));
      relay.credit = (pictures) => camera.grant(pictures);
      this.#open.add(camera);
      this.#share(camera);
      camera.grant(early);
      return camera;
    } finally {
      this.#opening.delete(start);
    }
  }

  /** The camera that is shown in a room, if one is. */
  inRoom(room: string): Camera | undefined {
    return this.#rooms.get(room);
  }

  /** Calls `listener` whenever a camera comes into a room or leaves it; gives back how to stop that. */
  watchRooms(listener: (room: string) => void): () => void {
    this.#roomListeners.add(listener);
    return () => this.#roomListeners.delete(listener);
  }

  #isTaken(room: string): boolean {
    return this.#rooms.has(room) || [...this.#opening].some((start) => start.room === room);
  }

  #share(camera: Camera): void {
    if (camera.room !== undefined) {
      this.#rooms.set(camera.room, camera);
      this.#tell(camera.room);
    }
  }

  #closed(camera: Camera): void {
    this.#open.delete(camera);
    if (camera.room !== undefined && this.#rooms.get(camera.room) === camera) {
      this.#rooms.delete(camera.room);
      this.#tell(camera.room);
    }
  }

  #tell(room: string): void {
    for (const listener of this.#roomListeners) {
      listener(room);
    }
  }
}

/** A page's camera while it is on. */
export class Camera implements AsyncDisposable {
  /** What becomes of its pictures. */
  readonly channel: Channel;
  /** The name it is shared by; undefined when it isn't. */
  readonly room: string | undefined;
  readonly #start: CameraStart;
  readonly #listener: CameraListener;
  readonly #onClosed: () => void;
  #credit = 0;
  #lastTimestamp = -1;
  #isClosed = false;

  constructor(start: CameraStart, channel: Channel, listener: CameraListener, onClosed: () => void) {
    this.#start = start;
    this.channel = channel;
    this.room = start.room;
    this.#listener = listener;
    this.#onClosed = onClosed;
  }

  /** Lets the page send so many pictures more. */
  grant(pictures: number): void {
    if (!this.#isClosed && pictures > 0) {
      this.#credit += pictures;
      this.#listener.onCredit(pictures);
    }
  }

  /**
   * Takes a picture; false when it is of no use, and its credit was given back.
   *
   * @throws {@link ProtocolViolation} when it is none, not of the form that was said, or beyond the credit.
   */
  take(message: Uint8Array<ArrayBuffer>): boolean {
    const { header, payload } = decodeMediaMessage(message);
    const { codec, width, height } = this.#start;
    if (header.codec !== codec || header.width !== width || header.height !== height || header.track !== 'source') {
      const found = `${header.track} ${header.codec} of ${header.width}x${header.height}`;
      throw new ProtocolViolation(
        'camera-mismatch',
        `The camera was to give source ${codec} of ${width}x${height}; what came is ${found}.`,
      );
    }
    if (header.timestampMicroseconds <= this.#lastTimestamp) {
      const found = `${header.timestampMicroseconds} after ${this.#lastTimestamp}`;
      throw new ProtocolViolation(
        'camera-mismatch',
        `Timestamps of a camera grow from picture to picture: ${found} came.`,
      );
    }
    if (this.#credit < 1) {
      throw new ProtocolViolation('credit-exceeded', 'A picture came for which there was no credit.');
    }
    this.#credit -= 1;
    this.#lastTimestamp = header.timestampMicroseconds;
    const isTaken = this.channel.translation.push({ ...header, data: payload });
    if (!isTaken) {
      this.grant(1);
    }
    return isTaken;
  }

  /** Turns it off; nothing of it is left when it resolves. May be called more than once. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#onClosed();
    }
    await this.channel.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

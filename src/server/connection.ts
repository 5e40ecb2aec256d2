import type { WebSocket } from 'ws';

import { CameraSeat } from './camera-seat.js';
import type { Cameras } from './cameras.js';
import type { Channel, Watcher } from './channel.js';
import type { Effect } from './effects.js';
import { ProtocolViolation, Refusal, refusalOf, violationOf } from './faults.js';
import { Inbox, type PageRequest } from './inbox.js';
import type { Log } from './log.js';
import {
  cameraCredit,
  closeCodes,
  maxCameraSide,
  maxMediaBytes,
  protocolVersion,
  type ServerMessage,
} from './protocol.js';
import { Viewer } from './viewer.js';

/** What a connection finds in its server. */
export interface House {
  /** The server's own stream; undefined where viewers bring their cameras. */
  readonly stream: Channel | undefined;
  /** What the stream is of, as pages show it. */
  readonly source: Extract<ServerMessage, { type: 'welcome' }>['source'];
  readonly cameras: Cameras;
  /** How many cameras there may be. */
  readonly maxCameras: number;
  readonly effects: readonly Effect[];
  /** Effect and strength that cameras begin with. */
  readonly effect: string;
  readonly strength: number;
  /** Whether nobody may change the effect of the server's own stream. */
  readonly lockEffect: boolean;
  readonly log: Log;
}

/**
 * One page, from its coming to its end: does what it asks where it may, and puts everything away that it had when it
 * goes, however it goes.
 */
export class Connection implements Watcher {
  readonly viewer: Viewer;
  /** Resolves when the page is gone and all that it had is put away. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #inbox: Inbox;
  readonly #house: House;
  readonly #log: Log;
  readonly #session: string;
  #room: string | undefined;
  #channel: Channel | undefined;
  readonly #camera: CameraSeat;
  #gone = false;

  /** @param session - What the page is called in the log. */
  constructor(socket: WebSocket, session: string, house: House) {
    this.#socket = socket;
    this.#house = house;
    this.#session = session;
    this.#log = house.log.child({ session });
    this.viewer = new Viewer(socket);
    this.#inbox = new Inbox(socket, {
      onHello: () => this.#greet(),
      onRequest: (request) => this.#handle(request),
      onPicture: (message) => this.#camera.take(message),
      onFault: (error) => this.#fail(error),
    });
    this.#camera = new CameraSeat({
      ...{ cameras: house.cameras, effect: house.effect, viewer: this.viewer, log: this.#log },
      onChange: () => this.#turnToChannel(),
    });
    const stopWatching = house.cameras.watchRooms((room) => {
      if (room === this.#room) {
        this.#turnToChannel();
      }
    });
    // The close event that follows does what is to be done.
    socket.on('error', (error) => this.#log.debug({ reason: error.message }, 'socket failed'));
    this.ended = new Promise((resolve, reject) => {
      socket.on('close', (code) => {
        stopWatching();
        this.#putAway(code).then(resolve, reject);
      });
    });
  }

  /** Bytes of pictures that the page sent. */
  get receivedBytes(): number {
    return this.#inbox.receivedBytes;
  }

  /** Whether the page may change the effect of a channel: of its camera's, and of the server's stream unless that is locked. */
  maySetEffect(channel: Channel): boolean {
    return channel === this.#camera.channel || (channel === this.#house.stream && !this.#house.lockEffect);
  }

  /** Sees whether the page is still there; cuts the socket off when it isn't. Called once a second. */
  checkLife(): void {
    const isCameraGone = this.#camera.channel !== undefined && this.#inbox.isSilent;
    if (this.#inbox.greeted && (isCameraGone || !this.viewer.ping())) {
      this.#log.info('viewer gave no sign of life');
      this.terminate();
    }
  }

  /** Tells the page that the server stops, and closes the socket. */
  dismiss(): void {
    if (this.#inbox.greeted) {
      this.viewer.send({ type: 'status', state: 'ended', message: 'The server was stopped.' });
    }
    this.#socket.close(closeCodes.goingAway, 'server-stopped');
  }

  /** Cuts the socket off, without waiting for the page. */
  terminate(): void {
    this.#socket.terminate();
  }

  #greet(): void {
    const { stream, source, effects, maxCameras, effect, strength } = this.#house;
    this.viewer.send({
      type: 'welcome',
      version: protocolVersion,
      serverTime: Date.now(),
      session: this.#session,
      source,
      effects: [...effects],
      effect: stream?.translation.effect ?? effect,
      strength: stream?.translation.strength ?? strength,
      maySetEffect: stream === undefined ? maxCameras > 0 : this.maySetEffect(stream),
      limits: { cameras: maxCameras, cameraSide: maxCameraSide, cameraCredit, mediaBytes: maxMediaBytes },
    });
    this.#log.info('viewer joined');
    this.viewer.ping();
  }

  #handle(request: PageRequest): void {
    switch (request.type) {
      case 'watch':
        this.viewer.want(request);
        this.#room = request.room;
        if (!this.#turnToChannel()) {
          this.#channel?.changed(this);
        }
        break;
      case 'play':
      case 'pause':
        this.viewer.setPaused(request.type === 'pause');
        this.#channel?.changed(this);
        break;
      case 'key-request':
        this.#channel?.changed(this);
        break;
      case 'pong':
        this.viewer.answered(request.serverTime);
        break;
      case 'report':
        this.#log.trace({ report: request }, 'report');
        break;
      case 'strength':
        void this.#tryTo(request.type, () => this.#effectChannel().setStrength(request.value));
        break;
      case 'effect':
        void this.#tryTo(request.type, () => this.#effectChannel().setEffect(this.#knownEffect(request.id)));
        break;
      case 'camera-start':
      case 'camera-stop':
        void this.#tryTo(request.type, () => this.#camera.turn(request));
        break;
    }
  }

  /** Does what was asked, or tells why not. */
  async #tryTo(request: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const refused = refusalOf(request, error);
      if (refused === undefined) {
        this.#fail(error);
      } else {
        this.#log.info({ request, code: refused.code, reason: refused.message }, 'request refused');
        this.viewer.send(refused);
      }
    }
  }

  #effectChannel(): Channel {
    if (this.#channel === undefined) {
      throw new Refusal('nothing-watched', 'Nothing is being watched whose effect could be changed.');
    }
    if (!this.maySetEffect(this.#channel)) {
      throw new Refusal('effect-locked', 'The effect of this stream is not for its viewers to change.');
    }
    return this.#channel;
  }

  #knownEffect(id: string): string {
    const { effects } = this.#house;
    if (!effects.some((effect) => effect.id === id)) {
      const known = effects.map((effect) => effect.id).join(', ');
      throw new Refusal('effect-unknown', `There is no effect "${id}". Effects: ${known}.`);
    }
    return id;
  }

  /** Watches what is to be watched now: the own camera, else the room, else the server's stream. False where it did already. */
  #turnToChannel(): boolean {
    const { cameras, stream } = this.#house;
    const shown = this.#room === undefined ? stream : cameras.inRoom(this.#room)?.channel;
    const channel = this.#gone ? undefined : (this.#camera.channel ?? shown);
    if (channel === this.#channel && channel !== undefined) {
      return false;
    }
    this.#channel?.leave(this);
    this.#channel = channel;
    channel?.join(this);
    if (channel === undefined && !this.#gone) {
      const nobody = `Nobody shows a camera in the room "${this.#room ?? ''}" just now.`;
      const message = this.#room === undefined ? 'There is no stream here: turn on your camera.' : nobody;
      this.viewer.send({ type: 'status', state: 'ended', message });
    }
    return true;
  }

  /** Closes the socket because of what the page sent, or because of a fault of our own. */
  #fail(error: unknown): void {
    const violation = violationOf(error);
    if (violation === undefined) {
      this.#log.error({ err: error }, 'a fault of the server');
    } else {
      this.#log.warn({ code: violation.code, reason: violation.message }, 'viewer turned out');
    }
    const internal = new ProtocolViolation('internal', 'The server failed at this.', closeCodes.internal);
    const { code, message, closeCode } = violation ?? internal;
    this.viewer.send({ type: 'error', code, message });
    this.#socket.close(closeCode, code);
  }

  async #putAway(code: number): Promise<void> {
    this.#gone = true;
    this.#turnToChannel();
    if (this.#inbox.greeted) {
      const { sentBytes, dropped } = this.viewer;
      this.#log.info({ code, sentBytes, dropped }, 'viewer left');
    }
    await this.#camera.close();
  }
}

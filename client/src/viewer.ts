import {
  protocolVersion,
  type ClientMessage,
  type MediaMessage,
  type ServerMessage,
} from '../../src/server/protocol.js';
import { encodableCodecs } from './camera/picture-encoder.js';
import { now, ServerClock } from './connection/clock.js';
import { Connection, type ConnectionState } from './connection/connection.js';
import { PlaybackReport } from './connection/playback-report.js';
import { WatchRequest } from './connection/watch-request.js';
import { EffectChoice } from './effect-choice.js';
import { OwnCamera } from './own-camera.js';
import { decodableCodecs } from './player/decodable-codecs.js';
import type { PlayerEvent, View } from './player/messages.js';
import { startPlayer, type PlayerHandle } from './player/start-player.js';
import { RecordingControl } from './recording/recording-control.js';
import { fileName, saveFile } from './recording/save-file.js';
import type { Store } from './store.js';
import { showsOwnCamera, type ViewerState } from './viewer-state.js';

/** What the viewer is made of. */
export interface ViewerOptions {
  readonly canvas: HTMLCanvasElement;
  readonly store: Store<ViewerState>;
  /** Name of a shared camera to watch, and to share the own one under. */
  readonly room: string | undefined;
  /** Tells the user something in passing. */
  readonly notify: (text: string) => void;
}

/** Everything that the page can do; what it comes to is in the store. */
export class Viewer {
  /** The page's own camera. */
  readonly camera: OwnCamera;
  /** Effect and strength. */
  readonly effect: EffectChoice;
  /** The recording. */
  readonly recording: RecordingControl;
  readonly #store: Store<ViewerState>;
  readonly #notify: (text: string) => void;
  readonly #player: PlayerHandle;
  readonly #connection: Connection;
  readonly #watch: WatchRequest;
  readonly #report: PlaybackReport;
  readonly #clock = new ServerClock();
  #hello: ClientMessage | undefined;
  #view: View = { divider: undefined, mirrored: false };

  constructor({ canvas, store, room, notify }: ViewerOptions) {
    this.#store = store;
    this.#notify = notify;
    this.#player = startPlayer(canvas, (event) => this.#onPlayer(event));
    this.#connection = new Connection(location, {
      onState: (state) => this.#onConnection(state),
      onMessage: (message) => this.#onMessage(message),
      onMedia: (unit) => this.#onMedia(unit),
    });
    const send = (message: ClientMessage) => this.#connection.send(message);
    this.#watch = new WatchRequest(send, room);
    this.#report = new PlaybackReport(send);
    this.camera = new OwnCamera(store, this.#connection, this.#player, room);
    this.effect = new EffectChoice(store, send);
    this.recording = new RecordingControl(store, canvas, notify, () => send({ type: 'key-request' }));
    store.subscribe((state) => this.#follow(state));
  }

  /** Connects, and goes on connecting. */
  async start(): Promise<void> {
    const [decode, encode] = await Promise.all([decodableCodecs(), encodableCodecs()]);
    this.#watch.codec = decode.length > 0 ? 'h264' : 'jpeg';
    const codecs = { decode: [...decode], encode: [...encode], jpeg: true };
    this.#hello = { type: 'hello', version: protocolVersion, codecs };
    this.#connection.open();
  }

  /** Connects now, where it waits. */
  retry(): void {
    this.#connection.retryNow();
  }

  togglePlay(): void {
    const isPaused = !this.#store.state.isPaused;
    this.#store.update({ isPaused });
    this.#connection.send({ type: isPaused ? 'pause' : 'play' });
  }

  /** Shows the original up to a share of the width; undefined: the translation alone. */
  setDivider(divider: number | undefined): void {
    this.#store.update({ divider: divider === undefined ? undefined : Math.min(1, Math.max(0, divider)) });
  }

  toggleMirror(): void {
    this.#store.update({ isMirrored: !this.#store.state.isMirrored });
  }

  toggleOverlay(): void {
    this.#store.update({ isOverlayShown: !this.#store.state.isOverlayShown });
  }

  takeSnapshot(): void {
    this.#player.send({ type: 'snapshot' });
  }

  #onConnection(connection: ConnectionState): void {
    if (connection.kind === 'open') {
      // The page counts as connected when it is welcome.
      if (this.#hello !== undefined) {
        this.#connection.send(this.#hello);
      }
      return;
    }
    this.camera.interrupt();
    this.#clock.reset();
    this.#store.update({ connection, serverStatistics: undefined, wantedEffect: undefined });
  }

  #onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#onWelcome(message);
        return;
      case 'ping':
        this.#clock.add(message.serverTime);
        this.#connection.send({ type: 'pong', serverTime: message.serverTime, clientTime: now() });
        this.#setClock();
        return;
      case 'stream':
        if (message.track === 'translated') {
          this.#store.update({ stream: message });
        }
        return;
      case 'status':
        this.#store.update({ status: message });
        return;
      case 'statistics':
        this.#store.update({ serverStatistics: message });
        return;
      case 'effect':
        this.effect.confirm(message);
        return;
      case 'credit':
        this.camera.grant(message.frames);
        return;
      case 'key-request':
        this.camera.requestKey();
        return;
      case 'refused':
        this.#onRefused(message);
        return;
      case 'error':
        // The connection keeps it: the close that follows tells it.
        return;
    }
  }

  #onWelcome(welcome: Extract<ServerMessage, { type: 'welcome' }>): void {
    const { effect, strength, maySetEffect } = welcome;
    this.#clock.add(welcome.serverTime);
    this.#player.send({ type: 'reset' });
    this.#store.update({
      connection: { kind: 'open' },
      welcome,
      effect,
      strength,
      maySetEffect,
      status: undefined,
      stream: undefined,
    });
    this.#watch.askAnew(this.#store.state);
    this.#setClock();
    if (this.#store.state.isPaused) {
      this.#connection.send({ type: 'pause' });
    }
    this.effect.restore();
    this.camera.begin();
  }

  #onRefused({ request, message, remedy }: Extract<ServerMessage, { type: 'refused' }>): void {
    if (request === 'camera-start') {
      this.camera.fail({ title: 'The server takes no camera now', message, remedy: remedy ?? '' });
      return;
    }
    this.effect.refuse(request);
    this.#notify(remedy === undefined ? message : `${message} ${remedy}`);
  }

  #onMedia(unit: MediaMessage): void {
    this.recording.add(unit);
    this.#player.send({ type: 'unit', unit });
  }

  #onPlayer(event: PlayerEvent): void {
    switch (event.type) {
      case 'size':
        this.#store.update({ size: { width: event.width, height: event.height } });
        return;
      case 'decoder':
        this.#store.update({ decoder: event.decoder });
        return;
      case 'key-wanted':
        this.#connection.send({ type: 'key-request' });
        return;
      case 'decoder-failed':
        this.#watch.codec = 'jpeg';
        this.#notify(`H.264 can't be decoded in time here (${event.reason}): the pictures come as JPEG now.`);
        this.#watch.ask(this.#store.state);
        return;
      case 'snapshot':
        this.#saveSnapshot(event.picture);
        return;
      case 'statistics':
        this.#store.update({ playerStatistics: event.statistics });
        if (this.#store.state.connection.kind === 'open') {
          this.#report.report(event.statistics);
        }
        return;
    }
  }

  #saveSnapshot(picture: Blob | undefined): void {
    if (picture === undefined) {
      this.#notify('There is no picture yet.');
      return;
    }
    saveFile(picture, fileName(this.#store.state.effect ?? 'snapshot', 'png'));
    this.#notify('Snapshot saved.');
  }

  /** What has to be asked of the server and the player when something else is to be shown. */
  #follow(state: ViewerState): void {
    const mirrored = showsOwnCamera(state) && state.isMirrored;
    if (state.divider !== this.#view.divider || mirrored !== this.#view.mirrored) {
      this.#view = { divider: state.divider, mirrored };
      this.#player.send({ type: 'view', view: this.#view });
    }
    this.#watch.ask(state);
    this.#setClock();
  }

  /** Pictures of the own camera bear this page's time, others the server's. */
  #setClock(): void {
    const isOwn = this.#store.state.camera.kind === 'on';
    this.#player.send({ type: 'clock', offsetMilliseconds: isOwn ? 0 : this.#clock.offset });
  }
}

import type { AccessUnit, LiveCodec, LiveStream, LiveTrack } from '../live/pictures.js';
import type { LiveStatistics } from '../live/statistics.js';
import type { LiveStatus, LiveTranslation, LiveTranslationOptions } from '../live/types.js';
import { EffectSwitch } from './effect-switch.js';
import { GroupOfPictures } from './group-of-pictures.js';
import { toMediaUnit } from './media-unit.js';
import type { ServerMessage } from './protocol.js';
import { codecOf, statisticsMessage, statusMessage, streamMessage } from './stream-messages.js';
import type { Viewer } from './viewer.js';

/** Opens a live translation; tests put another in its place. */
export type OpenTranslation = (options: LiveTranslationOptions) => Promise<LiveTranslation>;

/** Who asks for something, as far as a channel needs to know. */
export interface Watcher {
  readonly viewer: Viewer;
  /** Whether it may change the effect here. */
  maySetEffect(channel: Channel): boolean;
}

/** What a channel is told beside what its translation needs. */
export interface ChannelOptions {
  /** What it is called in logs and figures. */
  readonly name: string;
  readonly open: OpenTranslation;
  /** Its translation; what a channel itself listens to is left out. */
  readonly translation: Omit<LiveTranslationOptions, 'onAccessUnit' | 'onStream' | 'onStatus' | 'tracks'>;
  /** Told of each change of state. */
  readonly onStatus?: (status: LiveStatus) => void;
}

/** How long nobody may watch before the work is halted, milliseconds: a page that reloads is back sooner. */
const idleDelay = 5000;
/** Least time between two forced key pictures, milliseconds. */
const keyInterval = 1000;

/**
 * One live translation and everybody who watches it. Pictures are coded once and shared; what nobody watches isn't coded, and
 * with no watcher and no output at all nothing is translated.
 */
export class Channel implements AsyncDisposable {
  /** What it is called in logs and figures. */
  readonly name: string;
  readonly #translation: LiveTranslation;
  readonly #hasOutputs: boolean;
  readonly #watchers = new Set<Watcher>();
  readonly #groups: Record<LiveTrack, GroupOfPictures>;
  #idle: NodeJS.Timeout | undefined;
  #lastKeyRequest = -Infinity;
  readonly #effects: EffectSwitch;
  #closed: Promise<void> | undefined;

  private constructor(options: ChannelOptions, relay: Relay, translation: LiveTranslation) {
    this.name = options.name;
    this.#groups = relay.groups;
    this.#translation = translation;
    this.#effects = new EffectSwitch((id) => translation.setEffect(id));
    this.#hasOutputs = (options.translation.outputs ?? []).length > 0;
    relay.onUnit = (unit) => this.#deliver(unit);
    relay.onStream = (stream) => this.#announce(stream);
    relay.onStatus = (status) => this.#broadcast(statusMessage(status));
    this.#adjust();
  }

  /** Opens the translation; rejects with its error when that can't be. */
  static async open(options: ChannelOptions): Promise<Channel> {
    const relay = new Relay();
    const translation = await options.open({
      ...options.translation,
      tracks: {},
      onAccessUnit: (unit) => relay.onUnit(unit),
      onStream: (stream) => relay.onStream(stream),
      onStatus: (status) => {
        relay.onStatus(status);
        options.onStatus?.(status);
      },
    });
    return new Channel(options, relay, translation);
  }

  /** Pages that watch. */
  get viewers(): number {
    return this.#watchers.size;
  }

  /** The translation behind it, for whoever feeds it. */
  get translation(): LiveTranslation {
    return this.#translation;
  }

  /** What the translation is doing. */
  statistics(): LiveStatistics {
    return this.#translation.statistics();
  }

  /** Lets a watcher in: it is told how things are, and gets pictures from a key on. */
  join(watcher: Watcher): void {
    this.#watchers.add(watcher);
    watcher.viewer.send(statusMessage(this.#translation.status));
    watcher.viewer.send(this.#effectMessage(watcher));
    this.changed(watcher);
  }

  /** Lets a watcher go. */
  leave(watcher: Watcher): void {
    if (this.#watchers.delete(watcher)) {
      this.#adjust();
    }
  }

  /** Takes notice of what a watcher wants now: other tracks, or to begin again. */
  changed({ viewer }: Watcher): void {
    this.#adjust();
    const { tracks, codec } = viewer.wanted;
    for (const stream of this.#translation.streams) {
      if (tracks.includes(stream.track) && codecOf(stream) === codec) {
        viewer.send(streamMessage(stream));
      }
    }
    for (const track of tracks) {
      const { units } = this.#groups[track];
      viewer.begin(track, codec === 'h264' ? units : []);
      if (codec === 'h264' && units.length === 0) {
        this.#requestKey();
      }
    }
  }

  /**
   * Changes the effect, for all who watch; resolves when it shows.
   *
   * @throws What {@link EffectSwitch.change} throws.
   */
  async setEffect(id: string): Promise<void> {
    await this.#effects.change(id);
    this.#tellEffect();
  }

  /** Changes how much of the effect, for all who watch. */
  setStrength(value: number): void {
    this.#translation.setStrength(value);
    this.#tellEffect();
  }

  /** Tells every watcher how things go. */
  tellStatistics(): void {
    const statistics = this.statistics();
    for (const { viewer } of this.#watchers) {
      viewer.send(statisticsMessage(statistics, viewer.dropped, this.viewers));
    }
  }

  /** Ends the translation; outputs are complete when it resolves. May be called more than once. */
  close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#effects.close();
    this.#closed ??= this.#translation.close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #deliver(access: AccessUnit): void {
    const unit = toMediaUnit(access);
    if (unit.codec === 'h264') {
      this.#groups[unit.track].add(unit);
    }
    for (const { viewer } of this.#watchers) {
      viewer.deliver(unit);
    }
  }

  #announce(stream: LiveStream): void {
    for (const { viewer } of this.#watchers) {
      if (viewer.wanted.tracks.includes(stream.track) && viewer.wanted.codec === codecOf(stream)) {
        viewer.send(streamMessage(stream));
      }
    }
  }

  #broadcast(message: ServerMessage): void {
    for (const { viewer } of this.#watchers) {
      viewer.send(message);
    }
  }

  #tellEffect(): void {
    for (const watcher of this.#watchers) {
      watcher.viewer.send(this.#effectMessage(watcher));
    }
  }

  #effectMessage(watcher: Watcher): ServerMessage {
    const { effect, strength } = this.#translation;
    return { type: 'effect', id: effect, strength, maySetEffect: watcher.maySetEffect(this) };
  }

  /** Has made what is watched, and nothing else; halts the work when that has been nothing for a while. */
  #adjust(): void {
    if (this.#closed !== undefined) {
      return;
    }
    const isWanted = (track: LiveTrack, codec: LiveCodec) =>
      [...this.#watchers].some(({ viewer: { wanted } }) => wanted.codec === codec && wanted.tracks.includes(track));
    const wanted = (track: LiveTrack) => ({ h264: isWanted(track, 'h264'), jpeg: isWanted(track, 'jpeg') });
    const tracks = { translated: wanted('translated'), source: wanted('source') };
    for (const track of ['translated', 'source'] as const) {
      if (!tracks[track].h264) {
        this.#groups[track].clear();
      }
    }
    this.#translation.setTracks(tracks);
    clearTimeout(this.#idle);
    if (this.#hasOutputs || Object.values(tracks).some(({ h264, jpeg }) => h264 || jpeg)) {
      this.#translation.resume();
    } else {
      this.#idle = setTimeout(() => this.#translation.pause(), idleDelay).unref();
    }
  }

  /** Has the encoders begin a group soon; not so often that those who watch pay for those who join. */
  #requestKey(): void {
    const now = performance.now();
    if (now - this.#lastKeyRequest >= keyInterval) {
      this.#lastKeyRequest = now;
      this.#translation.requestKeyFrame();
    }
  }
}

/** What a translation tells, from before its channel is there. */
class Relay {
  readonly groups = { translated: new GroupOfPictures(), source: new GroupOfPictures() };
  onUnit: (unit: AccessUnit) => void = () => undefined;
  onStream: (stream: LiveStream) => void = () => undefined;
  onStatus: (status: LiveStatus) => void = () => undefined;
}

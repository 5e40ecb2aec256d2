import type { ClientMessage } from '../../src/server/protocol.js';
import type { Store } from './store.js';
import type { Message, ViewerState } from './viewer-state.js';

/** Milliseconds between two strengths that are sent while the slider moves. */
const strengthInterval = 60;

/** Strengths that differ by less are the same, however the server rounds them. */
const sameStrength = 0.005;

/** Effect and strength: asked for, shown as loading, confirmed by the server, and asked for again on a new connection. */
export class EffectChoice {
  readonly #store: Store<ViewerState>;
  readonly #send: (message: ClientMessage) => void;
  /** What the user of this page chose and nobody has changed since. */
  #chosenEffect: string | undefined;
  #chosenStrength: number | undefined;
  #isToBeRestored = false;
  #strengthTimer: ReturnType<typeof setTimeout> | undefined;
  #sentStrength: number | undefined;

  constructor(store: Store<ViewerState>, send: (message: ClientMessage) => void) {
    this.#store = store;
    this.#send = send;
  }

  /** Asks for an effect. */
  set(id: string): void {
    const { effect, wantedEffect, maySetEffect, connection } = this.#store.state;
    if (!maySetEffect || connection.kind !== 'open' || id === (wantedEffect ?? effect)) {
      return;
    }
    this.#chosenEffect = id;
    this.#store.update({ wantedEffect: id });
    this.#send({ type: 'effect', id });
  }

  /** Asks for a strength, 0 to 1; shown at once, sent a few times a second. */
  setStrength(value: number): void {
    const strength = Math.min(1, Math.max(0, value));
    if (!this.#store.state.maySetEffect) {
      return;
    }
    this.#chosenStrength = strength;
    this.#store.update({ strength });
    this.#strengthTimer ??= setTimeout(() => this.#sendStrength(), strengthInterval);
  }

  /** The server says what is on. */
  confirm({ id, strength, maySetEffect }: Message<'effect'>): void {
    const { wantedEffect } = this.#store.state;
    if (this.#isToBeRestored && maySetEffect) {
      this.#store.update({ effect: id, maySetEffect });
      this.#askAgain(id, strength);
      return;
    }
    const isOwnDoing = wantedEffect !== undefined || this.#sentStrength !== undefined;
    if (!isOwnDoing) {
      // Somebody else has chosen, and that is what everybody wants until further notice.
      this.#chosenEffect = undefined;
      this.#chosenStrength = undefined;
    }
    if (this.#sentStrength !== undefined && Math.abs(this.#sentStrength - strength) < sameStrength) {
      this.#sentStrength = undefined;
    }
    // While the slider moves, what comes back is behind it.
    const isMoving = this.#strengthTimer !== undefined || this.#sentStrength !== undefined;
    this.#store.update({
      effect: id,
      maySetEffect,
      wantedEffect: id === wantedEffect ? undefined : wantedEffect,
      ...(isMoving ? {} : { strength }),
    });
  }

  /** The server won't. */
  refuse(request: string): void {
    if (request === 'effect') {
      this.#chosenEffect = undefined;
      this.#store.update({ wantedEffect: undefined });
    } else if (request === 'strength') {
      this.#chosenStrength = undefined;
      this.#sentStrength = undefined;
    }
  }

  /** A new connection: asks again for what was chosen, here where it may, else when the server says that it may. */
  restore(): void {
    const { effect, strength, maySetEffect, camera } = this.#store.state;
    this.#sentStrength = undefined;
    this.#isToBeRestored = this.#chosenEffect !== undefined || this.#chosenStrength !== undefined;
    // The own camera has an effect of its own, which is told when it has started.
    if (this.#isToBeRestored && maySetEffect && camera.kind !== 'on' && effect !== undefined) {
      this.#askAgain(effect, strength);
    }
  }

  #askAgain(effect: string, strength: number): void {
    this.#isToBeRestored = false;
    if (this.#chosenEffect !== undefined && this.#chosenEffect !== effect) {
      this.set(this.#chosenEffect);
    }
    if (this.#chosenStrength !== undefined && Math.abs(this.#chosenStrength - strength) >= sameStrength) {
      this.setStrength(this.#chosenStrength);
    }
  }

  #sendStrength(): void {
    this.#strengthTimer = undefined;
    const { strength } = this.#store.state;
    if (this.#sentStrength !== strength) {
      this.#sentStrength = strength;
      this.#send({ type: 'strength', value: strength });
    }
  }
}

/** State that tells of its changes, once for all changes of a turn. */
export class Store<State extends object> {
  #state: State;
  readonly #listeners = new Set<(state: State) => void>();
  #isTelling = false;

  constructor(state: State) {
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  update(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    if (!this.#isTelling) {
      this.#isTelling = true;
      queueMicrotask(() => {
        this.#isTelling = false;
        for (const listener of this.#listeners) {
          listener(this.#state);
        }
      });
    }
  }

  /** Calls the listener now and after each change. */
  subscribe(listener: (state: State) => void): void {
    this.#listeners.add(listener);
    listener(this.#state);
  }
}

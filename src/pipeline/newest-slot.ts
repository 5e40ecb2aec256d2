/** Holds the newest of what is offered until somebody has time for it. */
export class NewestSlot<T> {
  #item: T | undefined;

  /** Puts an item in; gives back the older one that it takes the place of. */
  put(item: T): T | undefined {
    const older = this.#item;
    this.#item = item;
    return older;
  }

  /** Takes the item out. */
  take(): T | undefined {
    const item = this.#item;
    this.#item = undefined;
    return item;
  }
}

import type { MediaMessage } from '../../../src/server/protocol.js';
import type { Store } from '../store.js';
import type { ViewerState } from '../viewer-state.js';
import { startRecording, type Recording } from './recorder.js';
import { fileName, saveFile } from './save-file.js';

/** Starts and ends the recording, and saves it. */
export class RecordingControl {
  readonly #store: Store<ViewerState>;
  readonly #canvas: HTMLCanvasElement;
  readonly #notify: (text: string) => void;
  readonly #requestKey: () => void;
  #recording: Recording | undefined;
  #isStarting = false;

  /**
   * @param notify - Tells the user something in passing.
   * @param requestKey - Asks for a picture that a file can begin with.
   */
  constructor(
    store: Store<ViewerState>,
    canvas: HTMLCanvasElement,
    notify: (text: string) => void,
    requestKey: () => void,
  ) {
    this.#store = store;
    this.#canvas = canvas;
    this.#notify = notify;
    this.#requestKey = requestKey;
  }

  /** Records what comes in from its next key picture on. */
  add(unit: MediaMessage): void {
    const recording = this.#recording;
    recording?.add(unit);
    if (recording?.isFull === true) {
      this.#notify('The recording is as long as the memory of a page allows.');
      void this.#finish(recording);
    }
  }

  async toggle(): Promise<void> {
    if (this.#recording !== undefined) {
      await this.#finish(this.#recording);
    } else if (!this.#isStarting) {
      this.#isStarting = true;
      await this.#start().finally(() => (this.#isStarting = false));
    }
  }

  async #start(): Promise<void> {
    const { size, decoder } = this.#store.state;
    if (size === undefined) {
      this.#notify('There is no picture to record yet.');
      return;
    }
    try {
      this.#recording = await startRecording(this.#canvas, decoder === 'jpeg' ? 'jpeg' : 'h264');
      this.#requestKey();
      this.#store.update({ recordingSince: Date.now() });
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  async #finish(recording: Recording): Promise<void> {
    if (this.#recording !== recording) {
      return;
    }
    this.#recording = undefined;
    this.#store.update({ recordingSince: undefined });
    try {
      const file = await recording.finish();
      if (file === undefined) {
        this.#notify('Nothing was recorded: no picture came.');
      } else {
        saveFile(file.data, fileName(this.#store.state.effect ?? 'recording', file.extension));
        this.#notify('Recording saved.');
      }
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  #tellFailure(error: unknown): void {
    this.#notify(`The recording failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

import type { RecordedFile, Recording } from './recorder.js';

/** What is asked for, best first. */
const types = ['video/mp4;codecs=avc1.42E01F', 'video/mp4', 'video/webm;codecs=vp9', 'video/webm'];

const mostBytes = 1024 ** 3;

/** The canvas, encoded by the browser: for pictures that come one by one. */
export class CanvasRecording implements Recording {
  readonly #recorder: MediaRecorder;
  readonly #parts: Blob[] = [];
  readonly #stopped: Promise<void>;
  #bytes = 0;

  constructor(canvas: HTMLCanvasElement) {
    const mimeType = types.find((type) => MediaRecorder.isTypeSupported(type));
    this.#recorder = new MediaRecorder(canvas.captureStream(), {
      ...(mimeType === undefined ? {} : { mimeType }),
      videoBitsPerSecond: 6e6,
    });
    this.#recorder.addEventListener('dataavailable', ({ data }) => {
      this.#parts.push(data);
      this.#bytes += data.size;
    });
    this.#stopped = new Promise((resolve) => {
      this.#recorder.addEventListener('stop', () => resolve(), { once: true });
    });
    this.#recorder.start(1000);
  }

  get isFull(): boolean {
    return this.#bytes > mostBytes;
  }

  add(): void {
    // It looks at the canvas, not at what comes in.
  }

  async finish(): Promise<RecordedFile | undefined> {
    const { mimeType } = this.#recorder;
    this.#recorder.stop();
    await this.#stopped;
    const data = new Blob(this.#parts, { type: mimeType });
    return data.size === 0 ? undefined : { data, extension: mimeType.includes('mp4') ? 'mp4' : 'webm' };
  }
}

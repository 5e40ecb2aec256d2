/** The picture in a small window above all others. */
export class PictureInPicture {
  readonly #canvas: HTMLCanvasElement;
  readonly #video = document.createElement('video');
  /** Told whenever the window opens or closes. */
  onChange: ((isOpen: boolean) => void) | undefined;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.addEventListener('enterpictureinpicture', () => this.onChange?.(true));
    this.#video.addEventListener('leavepictureinpicture', () => {
      this.#video.srcObject = null;
      this.onChange?.(false);
    });
  }

  /** Whether this browser can. */
  get isSupported(): boolean {
    return document.pictureInPictureEnabled && 'captureStream' in this.#canvas;
  }

  /** Opens the window, or closes it. */
  async toggle(): Promise<void> {
    if (document.pictureInPictureElement !== null) {
      await document.exitPictureInPicture();
    } else if (this.isSupported) {
      this.#video.srcObject = this.#canvas.captureStream();
      await this.#video.play();
      await this.#video.requestPictureInPicture();
    }
  }
}

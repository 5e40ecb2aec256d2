import { cameraObstacle, cameraProblem, type CameraProblem } from './problems.js';

/** A camera of this machine. */
export interface CameraDevice {
  readonly id: string;
  readonly name: string;
}

/** What is asked of the camera: what a network of this size can use. */
const wanted = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30 } } as const;

/** No camera, for a reason that can be told. */
export class CameraError extends Error {
  override readonly name = 'CameraError';

  constructor(readonly problem: CameraProblem) {
    super(problem.message);
  }
}

/** A camera of this machine that is on. */
export class Camera {
  /** Its pictures. */
  readonly track: MediaStreamTrack;
  readonly #stream: MediaStream;

  private constructor(stream: MediaStream, track: MediaStreamTrack) {
    this.#stream = stream;
    this.track = track;
  }

  /**
   * Opens a camera; the browser asks the user.
   *
   * @param device - Which one; otherwise the one that the user or the browser takes.
   * @throws {@link CameraError} when there is none to be had.
   */
  static async open(device: string | undefined): Promise<Camera> {
    const obstacle = cameraObstacle();
    if (obstacle !== undefined) {
      throw new CameraError(obstacle);
    }
    try {
      const which = device === undefined ? { facingMode: 'user' } : { deviceId: { exact: device } };
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, ...which }, audio: false });
      const [track] = stream.getVideoTracks();
      if (track === undefined) {
        throw new DOMException('The camera gives no picture.', 'NotFoundError');
      }
      return new Camera(stream, track);
    } catch (error) {
      throw new CameraError(cameraProblem(error));
    }
  }

  /** The cameras there are; their names are known once one was allowed. */
  static async list(): Promise<readonly CameraDevice[]> {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices
      .filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '')
      .map(({ deviceId, label }, index) => ({ id: deviceId, name: label === '' ? `Camera ${index + 1}` : label }));
  }

  get device(): string | undefined {
    return this.track.getSettings().deviceId;
  }

  /** Pictures a second that it gives. */
  get frameRate(): number {
    return this.track.getSettings().frameRate ?? 30;
  }

  /** Whether it looks at its user, who expects a mirror then. Cameras of desktop machines don't say, and do. */
  get isFront(): boolean {
    return this.track.getSettings().facingMode !== 'environment';
  }

  /** Switches it off. */
  close(): void {
    for (const track of this.#stream.getTracks()) {
      track.stop();
    }
  }
}

/** Why there is no camera, for people. */
export interface CameraProblem {
  readonly title: string;
  readonly message: string;
  readonly remedy: string;
}

/** Why this page may not have a camera at all; undefined when it may ask for one. */
export function cameraObstacle(): CameraProblem | undefined {
  if (!isSecureContext) {
    return {
      title: 'The camera needs a secure page',
      message: `Browsers give no camera to a page that came over plain http from another machine (${location.host}).`,
      remedy:
        'Start the server with --tls-cert and --tls-key and open it with https, or open http://localhost on the machine ' +
        'that it runs on.',
    };
  }
  if (typeof (navigator.mediaDevices as MediaDevices | undefined)?.getUserMedia !== 'function') {
    return {
      title: 'No cameras in this browser',
      message: 'This browser gives pages no camera.',
      remedy: 'Try a current Chrome, Edge, Firefox or Safari.',
    };
  }
  return undefined;
}

const problems: Readonly<Record<string, CameraProblem>> = {
  NotAllowedError: {
    title: 'The camera is blocked',
    message: 'This page was not allowed to use the camera.',
    remedy: 'Allow it beside the address at the top of the window (and in the settings of the system), then try again.',
  },
  NotFoundError: {
    title: 'No camera found',
    message: 'This machine has no camera that the browser can see.',
    remedy: 'Plug one in or switch it on, then try again.',
  },
  NotReadableError: {
    title: 'The camera is in use',
    message: 'The camera is there, but gives no picture. Another program may have it.',
    remedy: 'Close other programs that use the camera, or plug it in anew, then try again.',
  },
};

/** Tells a failure of `getUserMedia`. */
export function cameraProblem(error: unknown): CameraProblem {
  const name = error instanceof Error ? error.name : '';
  const alike = name === 'OverconstrainedError' ? 'NotFoundError' : name === 'SecurityError' ? 'NotAllowedError' : name;
  return (
    problems[alike] ?? {
      title: 'The camera could not be opened',
      message: error instanceof Error ? error.message : String(error),
      remedy: 'Try again, or choose another camera.',
    }
  );
}

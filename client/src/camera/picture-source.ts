import { now } from '../connection/clock.js';

/** A picture of the camera, valid until the call that gave it has ended. */
export interface CameraPicture {
  readonly image: VideoFrame | HTMLVideoElement;
  readonly width: number;
  readonly height: number;
  readonly timestampMicroseconds: number;
  readonly captureTimeMilliseconds: number;
}

/** Takes each picture; the next one comes when it is done. */
export type TakePicture = (picture: CameraPicture) => Promise<void>;

/** Gives the pictures of a camera's track until the track or the signal ends. */
export async function readPictures(track: MediaStreamTrack, signal: AbortSignal, take: TakePicture): Promise<void> {
  // Safari and Firefox have it in workers only, if at all: they go by a <video>.
  if (typeof MediaStreamTrackProcessor === 'function') {
    await readFrames(track as MediaStreamVideoTrack, signal, take);
  } else {
    await readVideo(track, signal, take);
  }
}

async function readFrames(track: MediaStreamVideoTrack, signal: AbortSignal, take: TakePicture): Promise<void> {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
  signal.addEventListener('abort', () => void reader.cancel(), { once: true });
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const frame = read.value;
    try {
      await take({
        image: frame,
        width: frame.displayWidth,
        height: frame.displayHeight,
        timestampMicroseconds: frame.timestamp,
        captureTimeMilliseconds: now(),
      });
    } finally {
      frame.close();
    }
  }
}

async function readVideo(track: MediaStreamTrack, signal: AbortSignal, take: TakePicture): Promise<void> {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  await video.play();
  while (!signal.aborted && track.readyState === 'live') {
    const captureTime = await nextPicture(video);
    await take({
      image: video,
      width: video.videoWidth,
      height: video.videoHeight,
      timestampMicroseconds: Math.round(captureTime * 1000),
      captureTimeMilliseconds: performance.timeOrigin + captureTime,
    });
  }
  video.srcObject = null;
}

/** When the next picture of a video was captured, by `performance.now`. */
function nextPicture(video: HTMLVideoElement): Promise<number> {
  return new Promise((resolve) => {
    if ('requestVideoFrameCallback' in video) {
      video.requestVideoFrameCallback((at, { captureTime }) => resolve(captureTime ?? at));
    } else {
      setTimeout(() => resolve(performance.now()), 33);
    }
  });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Real driving videos beside the checkout; without them the bench runs on the project's own sample. */
const sharedVideos = process.env.VID2VID_TURBO_SHARED ?? join(import.meta.dirname, '../../shared');

const driving = [
  'highway-day-960x540-aac.mp4',
  'nc/driving-city-day-aac.mp4',
  'nc/from-car-mjpeg422-pcm.avi',
  'nc/driving-night-aac.mp4',
  'road-overhead-12.5fps-aac.mp4',
  'junction-cctv-352x288.mp4',
];

/** The clips to measure on. */
export function benchClips(): string[] {
  const real = driving.map((name) => join(sharedVideos, 'data/video', name)).filter((path) => existsSync(path));
  return real.length > 0 ? real : [join(import.meta.dirname, '../test/media/street-drive.mp4')];
}

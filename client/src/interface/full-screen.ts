/** Whether this browser lets a page fill the screen; iPhones don't. */
export function canGoFullScreen(): boolean {
  return document.fullscreenEnabled;
}

/** Whether it does. */
export function isFullScreen(): boolean {
  return document.fullscreenElement !== null;
}

/** Fills the screen, or no longer. */
export async function toggleFullScreen(): Promise<void> {
  if (isFullScreen()) {
    await document.exitFullscreen();
  } else if (canGoFullScreen()) {
    await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
  }
}

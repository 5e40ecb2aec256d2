/** A decoded picture. Whoever holds it closes its image. */
export interface Picture {
  readonly image: VideoFrame | ImageBitmap;
  readonly timestampMicroseconds: number;
  /** On the sender's clock, since the Unix epoch. */
  readonly captureTimeMilliseconds: number;
}

/** Width and height of a picture as it is shown. */
export function sizeOf({ image }: Picture): { readonly width: number; readonly height: number } {
  return 'displayWidth' in image
    ? { width: image.displayWidth, height: image.displayHeight }
    : { width: image.width, height: image.height };
}

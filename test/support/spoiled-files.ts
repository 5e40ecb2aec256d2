/**
 * What a reader makes of a file that is cut off at each of its lengths, and of one with each of its bytes spoiled: a result,
 * or the error it threw.
 */
export function readSpoiled<T>(whole: Buffer, read: (bytes: Uint8Array) => T): (T | Error)[] {
  return Array.from(whole).flatMap((_, at) => {
    const spoiled = Buffer.from(whole);
    spoiled[at] = 0xff;
    return [whole.subarray(0, at), spoiled].map((bytes) => {
      try {
        return read(bytes);
      } catch (error) {
        if (error instanceof Error) {
          return error;
        }
        throw error;
      }
    });
  });
}

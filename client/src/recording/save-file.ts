/** Hands a file to the browser's downloads. */
export function saveFile(data: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  // The download has begun when the click returns; a while later nobody needs the address any more.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A name for a file made now: `day-to-night 2026-03-09 18.04.05.png`. */
export function fileName(subject: string, extension: string, time = new Date()): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [String(time.getFullYear()), two(time.getMonth() + 1), two(time.getDate())].join('-');
  const hour = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('.');
  return `${subject} ${day} ${hour}.${extension}`;
}

import { styleText } from 'node:util';

import type { TranslateSummary } from '../index.js';

// One style, not several: given an array, Node 20 colours what goes into a file as well.
type Style = Extract<Parameters<typeof styleText>[0], string>;

/** Colours text where `stream` shows colours; NO_COLOR and FORCE_COLOR are heeded. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream): string {
  return styleText(style, text, { stream });
}

/** A length of time as clocks show it: `0:07`, `12:30`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** How fast the work goes: `31.4 fps, 1.26x`. The x is left out for what has no duration. */
export function pace({ fps, speed }: { readonly fps: number; readonly speed: number | undefined }): string {
  return `${fps.toFixed(1)} fps${speed === undefined ? '' : `, ${speed.toFixed(2)}x`}`;
}

/** What was written, in one line. */
export function summaryLine(summary: TranslateSummary): string {
  const { output, framesOut, size, seconds } = summary;
  const where = output === '-' ? 'standard output' : output;
  const what = framesOut === 1 ? 'one picture' : `${framesOut} frames`;
  return `Wrote ${where}: ${what} of ${size} in ${seconds.toFixed(1)} s${framesOut === 1 ? '' : ` (${pace(summary)})`}`;
}

/** Bytes as people read them: `3.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Rows with their cells in columns, two spaces between; the last column is as wide as it likes. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')}\n`,
    )
    .join('');
}

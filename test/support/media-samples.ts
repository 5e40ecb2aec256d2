import { writeFileSync } from 'node:fs';

import { ffmpeg, type MediaFolder } from './media.js';

/** Frames of a sample. */
export const sampleFrames = 25;

// Colours at the edge of what there is would be cut off, and say little about those that are not.
const muted = 'format=yuv420p,eq=contrast=0.7:saturation=0.5';

/** Input options of a second of a moving picture. */
export function movingPicture(size: string, rate = 25, seconds = sampleFrames / 25): string[] {
  return ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${seconds},${muted}`];
}

/** Options of a quick encoding that decodes to the same anywhere. */
export const quickVideo: readonly string[] = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];

/** A second of picture and sound, encoded as the extension has it. */
export function makeSample(path: string, size = '160x90', ...options: string[]): string {
  const sound = ['-f', 'lavfi', '-i', 'sine=duration=1'];
  ffmpeg(...movingPicture(size), ...sound, ...quickVideo, '-c:a', 'aac', ...options, path);
  return path;
}

const chapters = `;FFMETADATA1
title=A drive
[CHAPTER]
TIMEBASE=1/1000
START=0
END=400
title=First half
[CHAPTER]
TIMEBASE=1/1000
START=400
END=1000
title=Second half
`;

const srt = '1\n00:00:00,100 --> 00:00:00,500\nA green light\n\n2\n00:00:00,600 --> 00:00:00,900\nA red one\n';

const ass = `[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Alignment
Style: Default,Sans,20,&H00FFFFFF,1,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.50,Default,,0,0,0,,Eine {\\b1}grüne{\\b0} Ampel
`;

/** What the samples' attachment holds. */
export const fontBytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 31) % 251));

/** A Matroska file with all it can hold: two sounds, two kinds of subtitles, chapters, tags, a font. */
export function makeRichMatroska(folder: MediaFolder): string {
  const path = folder.file('rich.mkv');
  writeFileSync(folder.file('rich.meta'), chapters);
  writeFileSync(folder.file('rich.srt'), srt);
  writeFileSync(folder.file('rich.ass'), ass);
  writeFileSync(folder.file('rich.ttf'), fontBytes);
  ffmpeg(
    ...movingPicture('160x90'),
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:duration=1', '-f', 'lavfi', '-i', 'sine=frequency=660:duration=1'],
    ...['-i', folder.file('rich.srt'), '-i', folder.file('rich.ass'), '-i', folder.file('rich.meta')],
    ...['-map', '0', '-map', '1', '-map', '2', '-map', '3', '-map', '4', '-map_metadata', '5', '-map_chapters', '5'],
    ...['-attach', folder.file('rich.ttf'), '-metadata:s:t:0', 'mimetype=application/x-truetype-font'],
    ...[
      '-metadata:s:v:0',
      'title=The windscreen',
      '-metadata:s:a:0',
      'language=eng',
      '-metadata:s:a:1',
      'language=ger',
    ],
    ...['-metadata:s:s:0', 'language=eng', '-metadata:s:s:1', 'language=ger', '-disposition:a:1', '0'],
    ...[...quickVideo, '-c:a:0', 'aac', '-c:a:1', 'ac3', '-c:s:0', 'srt', '-c:s:1', 'ass', path],
  );
  return path;
}

/** An MP4 file with subtitles, chapters, tags and a cover. */
export function makeRichMp4(folder: MediaFolder): string {
  const path = folder.file('rich.mp4');
  writeFileSync(folder.file('rich.meta'), chapters);
  writeFileSync(folder.file('rich.srt'), srt);
  ffmpeg('-f', 'lavfi', '-i', 'color=red:size=64x64', '-frames:v', '1', folder.file('cover.png'));
  ffmpeg(
    ...[...movingPicture('160x90'), '-f', 'lavfi', '-i', 'sine=duration=1', '-i', folder.file('rich.srt')],
    ...['-i', folder.file('rich.meta'), '-i', folder.file('cover.png')],
    ...['-map', '0', '-map', '1', '-map', '2', '-map', '4', '-map_metadata', '3', '-map_chapters', '3'],
    ...['-metadata:s:a:0', 'language=eng', '-metadata:s:s:0', 'language=eng'],
    ...['-c:v:0', 'libx264', '-preset', 'ultrafast', '-pix_fmt:v:0', 'yuv420p', '-c:a', 'aac', '-c:s', 'mov_text'],
    ...['-c:v:1', 'copy', '-disposition:v:1', 'attached_pic', path],
  );
  return path;
}

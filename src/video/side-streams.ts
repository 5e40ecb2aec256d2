import type { Container } from './containers.js';
import type { FfmpegCapabilities } from './ffmpeg/capabilities.js';
import type { MediaInfo, SideStream } from './probe.js';

/** What becomes of sound, subtitles, attachments, cover, chapters and tags. */
export interface SideStreamPlan {
  /** Options that map and copy (or re-encode) them; the original is ffmpeg's input 1. */
  readonly options: readonly string[];
  /** Whether anything is taken from the original at all. */
  readonly needsOriginal: boolean;
  /** What is not copied bit for bit, in words. */
  readonly notices: readonly string[];
}

/** Subtitles that are text, and so can become another text format. */
const textSubtitles = new Set(['subrip', 'ass', 'ssa', 'webvtt', 'mov_text', 'text', 'microdvd', 'subviewer', 'ttml']);

type Fate = { readonly codec: string } | 'drop';

/**
 * Plans what an output takes from its original beside the picture: all that its container can hold.
 *
 * @param cutAtStart - Whether only a part of the original is taken that begins later than the original.
 */
export function planSideStreams(
  media: MediaInfo,
  container: Container,
  capabilities: FfmpegCapabilities,
  cutAtStart: boolean,
): SideStreamPlan {
  const options: string[] = [];
  const notices: string[] = [];
  const counts = { audio: 0, subtitle: 0, attachment: 0, video: 1, data: 0 };
  // An MP4 keeps the names of its chapters in a stream; the muxer writes its own.
  const holdsChapters = ({ kind, codec }: SideStream) =>
    kind === 'data' && codec === 'bin_data' && media.chapterCount > 0;
  for (const stream of media.sideStreams.filter((stream) => !holdsChapters(stream))) {
    const isFull = stream.kind === 'audio' && counts.audio >= (container.audioLimit ?? Infinity);
    const fate = isFull ? 'drop' : decide(stream, container, capabilities);
    const label = `${describe(stream)} (${stream.codec}${stream.language === undefined ? '' : `, ${stream.language}`})`;
    if (fate === 'drop') {
      notices.push(`${label} is left out: ${container.muxer} can't hold it.`);
      continue;
    }
    if (fate.codec !== 'copy') {
      notices.push(`${label} is re-encoded to ${fate.codec}: ${container.muxer} can't hold it as it is.`);
    }
    const specifier = `${{ audio: 'a', subtitle: 's', attachment: 't', video: 'v', data: 'd' }[stream.kind]}:${counts[stream.kind]}`;
    counts[stream.kind] += 1;
    options.push('-map', `1:${stream.index}`, `-c:${specifier}`, fate.codec);
    if (cutAtStart && fate.codec === 'copy' && (stream.kind === 'audio' || stream.kind === 'subtitle')) {
      // Copying would begin at the key frame of the picture before the start, and the picture would come too late.
      options.push(`-copypriorss:${specifier}`, '0');
    }
    if (fate.codec === 'libopus') {
      // libopus takes only Vorbis' own speaker layouts: https://trac.ffmpeg.org/ticket/5718
      options.push(`-filter:${specifier}`, 'aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo|mono');
    }
    if (stream.coverArt) {
      options.push(`-disposition:${specifier}`, 'attached_pic');
    }
  }
  if (!container.metadata) {
    return { options, needsOriginal: options.length > 0, notices };
  }
  for (const [key, value] of Object.entries(media.video.tags)) {
    options.push('-metadata:s:v:0', `${key}=${value}`);
  }
  return { options: [...options, '-map_metadata', '1', '-map_chapters', '1'], needsOriginal: true, notices };
}

function decide(stream: SideStream, container: Container, capabilities: FfmpegCapabilities): Fate {
  switch (stream.kind) {
    case 'audio': {
      const fits = container.audio.some((codec) => matches(codec, stream.codec));
      return fits ? { codec: 'copy' } : encodeWith(container.audioEncoder, capabilities);
    }
    case 'subtitle': {
      if (container.subtitles.includes(stream.codec)) {
        return { codec: 'copy' };
      }
      return textSubtitles.has(stream.codec) ? encodeWith(container.subtitleEncoder, capabilities) : 'drop';
    }
    case 'attachment':
      return container.attachments ? { codec: 'copy' } : 'drop';
    case 'video':
      return stream.coverArt && container.coverArt ? { codec: 'copy' } : 'drop';
    case 'data':
      return 'drop';
  }
}

function encodeWith(encoder: string | undefined, capabilities: FfmpegCapabilities): Fate {
  return encoder !== undefined && capabilities.encoders.has(encoder) ? { codec: encoder } : 'drop';
}

function matches(pattern: string | RegExp, codec: string): boolean {
  return typeof pattern === 'string' ? pattern === codec : pattern.test(codec);
}

function describe(stream: SideStream): string {
  if (stream.kind === 'video') {
    return stream.coverArt ? 'The cover picture' : `The further video stream ${stream.index}`;
  }
  return { audio: 'The sound', subtitle: 'The subtitle track', attachment: 'The attachment', data: 'The data stream' }[
    stream.kind
  ];
}

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const bundled = (require('@ffmpeg-installer/ffmpeg') as { path: string }).path;
const bundledProbe = (require('@ffprobe-installer/ffprobe') as { path: string }).path;

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** An ffmpeg that the project has to work with. */
export interface TestedFfmpeg {
  readonly name: 'system' | 'bundled';
  readonly path: string;
}

const system = onPath('ffmpeg');
if (system === undefined) {
  console.warn('SKIPPED: all tests with a system ffmpeg, since there is none on PATH (apt-get install ffmpeg).');
}

/** The ffmpegs of this machine: the bundled one of 2018, and the system's where it has one. */
export const ffmpegs: readonly TestedFfmpeg[] = [
  ...(system === undefined ? [] : [{ name: 'system' as const, path: system }]),
  { name: 'bundled', path: bundled },
];

/** The ffmpeg and ffprobe that the tests themselves make and look at files with: the newest there are. */
const judge = { ffmpeg: system ?? bundled, ffprobe: onPath('ffprobe') ?? bundledProbe };

/** The repository's root. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program to its end; a failure is an error with what it said. */
export function runTool(program: string, args: readonly string[], input?: Uint8Array): Buffer {
  const result = spawnSync(program, args, { input, maxBuffer: 2 ** 30, stdio: 'pipe', timeout: 120_000 });
  if (result.status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${result.error?.message ?? String(result.stderr)}`);
  }
  return result.stdout;
}

/** Runs the tests' own ffmpeg. */
export function ffmpeg(...args: string[]): Buffer {
  return runTool(judge.ffmpeg, ['-hide_banner', '-nostdin', '-v', 'error', '-y', ...args]);
}

/** A stream as ffprobe describes it; the parts that tests look at. */
export interface ProbedStream {
  readonly index: number;
  readonly codec_type: string;
  readonly codec_name: string;
  readonly width?: number;
  readonly height?: number;
  readonly pix_fmt?: string;
  readonly color_range?: string;
  readonly color_space?: string;
  readonly color_transfer?: string;
  readonly color_primaries?: string;
  readonly sample_aspect_ratio?: string;
  readonly r_frame_rate?: string;
  readonly avg_frame_rate?: string;
  readonly time_base?: string;
  readonly start_time?: string;
  readonly duration?: string;
  readonly disposition: Readonly<Record<string, number>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

/** What ffprobe says of a file. */
export interface Probed {
  readonly streams: readonly ProbedStream[];
  readonly chapters: readonly { readonly start_time: string; readonly tags?: Readonly<Record<string, string>> }[];
  readonly format: {
    readonly format_name: string;
    readonly start_time?: string;
    readonly duration?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
}

/** Asks ffprobe what is in a file. */
export function probeFile(path: string): Probed {
  const shown = ['-show_format', '-show_streams', '-show_chapters', '-of', 'json'];
  return JSON.parse(String(runTool(judge.ffprobe, ['-v', 'error', ...shown, path]))) as Probed;
}

/** The picture of a file, as ffprobe describes it. */
export function videoOf(path: string): ProbedStream {
  const video = probeFile(path).streams.find(
    (stream) => stream.codec_type === 'video' && stream.disposition.attached_pic !== 1,
  );
  if (video === undefined) {
    throw new Error(`${path} has no picture`);
  }
  return video;
}

/** Degrees that players turn the picture by. */
export function rotationOf(stream: ProbedStream): number {
  const stated = stream.side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation;
  return stated ?? Number(stream.tags?.rotate ?? 0);
}

/** When each frame is shown, in seconds from the file's own zero, in order. */
export function frameTimes(path: string): number[] {
  const shown = ['-select_streams', `${videoOf(path).index}`, '-show_entries', 'frame=best_effort_timestamp_time'];
  const text = String(runTool(judge.ffprobe, ['-v', 'error', ...shown, '-of', 'json', path]));
  const { frames } = JSON.parse(text) as { frames: { best_effort_timestamp_time: string }[] };
  return frames.map((frame) => Number(frame.best_effort_timestamp_time));
}

/** MD5 of a file's packets of one kind, unchanged by the container around them. */
export function packetsMd5(path: string, map = '0:a'): string {
  return String(ffmpeg('-i', path, '-map', map, '-c', 'copy', '-f', 'md5', '-')).trim();
}

/** How {@link meanColours} reads a file. */
export interface ReadColours {
  /** At most so many frames from the beginning. */
  readonly frames?: number;
  /** Matrix of a file that states none. */
  readonly assumed?: 'bt601' | 'bt709';
  /** Part of the picture to look at, as the crop filter takes it. */
  readonly crop?: string;
}

const matrices: Readonly<Record<string, string>> = {
  bt709: 'bt709',
  smpte170m: 'bt601',
  bt470bg: 'bt601',
  bt2020nc: 'bt2020',
};

/** The frames of a file as 8-bit RGB, upright. */
export function readFrames(path: string, { frames, assumed = 'bt601', crop }: ReadColours = {}) {
  const video = videoOf(path);
  const full = video.color_range === 'pc' || (video.pix_fmt ?? '').startsWith('yuvj');
  const matrix = matrices[video.color_space ?? ''] ?? assumed;
  const toRgb = /rgb|bgr|gbr|pal8|gray/.test(video.pix_fmt ?? '')
    ? ''
    : `in_color_matrix=${matrix}:in_range=${full ? 'full' : 'limited'}:`;
  const turned = Math.abs(rotationOf(video)) % 180 === 90;
  const [wide = 0, high = 0] = turned ? [video.height, video.width] : [video.width, video.height];
  const [width = wide, height = high] = crop?.split(':').map(Number) ?? [];
  const filters = [
    `scale=${toRgb}flags=accurate_rnd+full_chroma_int+bicubic`,
    'format=rgb24',
    ...(crop === undefined ? [] : [`crop=${crop}`]),
  ];
  const bytes = ffmpeg(
    ...['-i', path, '-map', `0:${video.index}`, '-vf', filters.join(','), '-vsync', '0'],
    ...(frames === undefined ? [] : ['-frames:v', String(frames)]),
    ...['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
  );
  return { bytes, width, height, count: bytes.length / (width * height * 3) };
}

/**
 * Mean red, green and blue of the four quarters of each frame: colours that are off show, and so does a picture that is
 * the wrong way up.
 */
export function meanColours(path: string, options: ReadColours = {}): number[][] {
  const { bytes, width, height, count } = readFrames(path, options);
  return Array.from({ length: count }, (_, index) => {
    const sums = new Float64Array(12);
    let at = index * width * height * 3;
    for (let y = 0; y < height; y++) {
      for (const [side, columns] of [Math.ceil(width / 2), Math.floor(width / 2)].entries()) {
        let [red, green, blue] = [0, 0, 0];
        for (const end = at + columns * 3; at < end; at += 3) {
          red += bytes[at] ?? 0;
          green += bytes[at + 1] ?? 0;
          blue += bytes[at + 2] ?? 0;
        }
        const quarter = (y * 2 < height ? 0 : 6) + side * 3;
        sums[quarter] = (sums[quarter] ?? 0) + red;
        sums[quarter + 1] = (sums[quarter + 1] ?? 0) + green;
        sums[quarter + 2] = (sums[quarter + 2] ?? 0) + blue;
      }
    }
    const rows = [Math.ceil(height / 2), Math.floor(height / 2)];
    const columns = [Math.ceil(width / 2), Math.floor(width / 2)];
    return [...sums].map((sum, i) => sum / ((rows[i < 6 ? 0 : 1] ?? 1) * (columns[i % 6 < 3 ? 0 : 1] ?? 1)));
  });
}

/** The largest difference between two lists of mean colours. */
export function largestDifference(a: readonly number[][], b: readonly number[][]): number {
  return Math.max(...a.flatMap((frame, i) => frame.map((value, k) => Math.abs(value - (b[i]?.[k] ?? Infinity)))));
}

/** A folder of a whole test file; {@link MediaFolder.remove} when it is done. */
export class MediaFolder {
  /** Its path. */
  readonly path = mkdtempSync(join(tmpdir(), 'vid2vid-turbo-media-'));

  /** The path of something in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Names of what is in it that looks unfinished. */
  get leftovers(): string[] {
    return readdirSync(this.path, { recursive: true })
      .map(String)
      .filter((name) => name.includes('.part'));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * A model package whose pictures are exact: at strength 0 the frame itself, at 1 its negative. Costs next to nothing, so
 * that what is tested is the video around it.
 */
export function exactModel(folder: MediaFolder): string {
  const path = folder.file('exact-model');
  cpSync(fileURLToPath(new URL('../fixtures/models/invert', import.meta.url)), path, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as { input: Record<string, number> };
  Object.assign(manifest.input, { maxWidth: 8192, maxHeight: 8192 });
  writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
  return path;
}

/** The folder of real video, pictures and results; undefined where it is missing, which is said. */
export const sharedData = findSharedData();

function findSharedData(): string | undefined {
  const folder = join(process.env.VID2VID_TURBO_SHARED ?? join(root, '..', 'shared'), 'data');
  if (existsSync(join(folder, 'video'))) {
    return folder;
  }
  console.warn(`SKIPPED: all tests on real video: "${folder}" is not there. VID2VID_TURBO_SHARED may name its parent.`);
  return undefined;
}

/** The path of a real clip. */
export function realClip(name: string): string {
  return join(sharedData ?? '', 'video', name);
}

/** Processes that this one has started and that are still there, execa's helpers of this test runner left out. */
export function ffmpegChildren(of = process.pid): string[] {
  const listed = spawnSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).stdout;
  return listed.split('\n').filter((line) => {
    const [, , parent, state = '', args = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    return Number(parent) === of && !state.startsWith('Z') && /ffmpeg|ffprobe/.test(args);
  });
}

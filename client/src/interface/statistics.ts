import type { Percentiles } from '../../../src/server/protocol.js';
import { element } from '../dom.js';
import type { Store } from '../store.js';
import { showsOwnCamera, type ViewerState } from '../viewer-state.js';

const decoders = {
  webcodecs: 'WebCodecs',
  'webcodecs-software': 'WebCodecs, software',
  jpeg: 'picture by picture',
} as const;

/** One line: what it is, what it says, and under which name a program finds it. */
type Line = readonly [name: string, label: string, value: string];

/** The small overlay of figures. */
export function showStatistics(store: Store<ViewerState>, room: string | undefined): void {
  const list = element('statistics', HTMLElement);
  const values = new Map<string, HTMLElement>();
  store.subscribe((state) => {
    list.hidden = !state.isOverlayShown;
    if (!state.isOverlayShown) {
      return;
    }
    for (const [name, label, text] of statisticsLines(state, room)) {
      const value = values.get(name) ?? addLine(list, name, label);
      values.set(name, value);
      value.textContent = text;
    }
  });
}

function addLine(list: HTMLElement, name: string, label: string): HTMLElement {
  const term = document.createElement('dt');
  const value = document.createElement('dd');
  term.textContent = label;
  value.dataset.statistic = name;
  list.append(term, value);
  return value;
}

function statisticsLines(state: ViewerState, room: string | undefined): readonly Line[] {
  const { playerStatistics: player, serverStatistics: server, stream, size, decoder } = state;
  // The clock of another page whose camera this is isn't known here.
  const isDelayKnown = showsOwnCamera(state) || room === undefined;
  const dropped =
    (player?.dropped ?? 0) + (server?.dropped.beforeGenerator ?? 0) + (server?.dropped.beforeEncoder ?? 0);
  return [
    ['fps', 'Pictures a second', player === undefined ? '–' : player.fps.toFixed(1)],
    ['delay', 'Delay p50 / p95', isDelayKnown ? milliseconds(player?.delayMilliseconds) : '–'],
    ['dropped', 'Dropped', `${dropped}`],
    ['size', 'Size', size === undefined ? '–' : `${size.width} × ${size.height}`],
    ['codec', 'Codec', stream === undefined ? '–' : stream.codec],
    ['decoder', 'Decoder', decoder === undefined ? '–' : decoders[decoder]],
    ['network', 'Network p50 / p95', milliseconds(server?.stages.infer)],
    ['provider', 'Runs on', stream === undefined ? '–' : stream.provider],
    ['model', 'Model', stream?.model ?? '–'],
    ['viewers', 'Viewers', server === undefined ? '–' : `${server.viewers}`],
  ];
}

function milliseconds(percentiles: Percentiles | undefined): string {
  return percentiles === undefined ? '–' : `${Math.round(percentiles.p50)} / ${Math.round(percentiles.p95)} ms`;
}
